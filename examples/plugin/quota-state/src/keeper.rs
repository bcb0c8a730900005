//! The promises of a quota, kept by reading pages and writing them back where nobody else has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ballast_sdk::futures::lock::Mutex;
use ballast_sdk::quota::{Account, Held, Limit, Quota, Reservation, Scope, Usage};
use ballast_sdk::types::{RepoKey, ReservationId, Timestamp, Visibility};
use ballast_sdk::{Component, Error, ErrorKind, Result, State, WriteIf, async_trait};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::QuotaConfig;
use crate::books::{Page, Promise, Shelf, account_key, countable};

/// How many pages are looked through at once.
const PAGES: usize = 100;

/// The quota.
pub struct Keeper {
    config: QuotaConfig,
    state: Arc<dyn State>,
    /// Writers of this node take turns, which spares them attempts; those of other nodes are found out by versions.
    turn: Mutex<()>,
}

/// Something as it was read.
struct Seen<T> {
    key: String,
    version: u64,
    value: T,
}

impl<T: Serialize> Seen<T> {
    /// Writes it back where nobody else has.
    fn write(&self) -> Result<WriteIf> {
        let value = serde_json::to_vec(&self.value).map_err(|error| broken(&self.key, &error))?;
        Ok(WriteIf { key: self.key.clone(), version: self.version, value: Some(value) })
    }

    fn delete(&self) -> WriteIf {
        WriteIf { key: self.key.clone(), version: self.version, value: None }
    }
}

fn broken(key: &str, error: &serde_json::Error) -> Error {
    Error::new(ErrorKind::Corrupt, "quota", format!("what is kept under {key}: {error}"))
}

fn not_placed(repo: RepoKey) -> Error {
    Error::new(ErrorKind::NotFound, "quota", format!("repository {repo} was not placed"))
}

fn repo_key(repo: RepoKey) -> String {
    format!("repo/{repo}")
}

fn promise_key(id: i64) -> String {
    format!("promise/{id}")
}

/// A promise is written once, and so has this version until it ends.
fn end_of_promise(id: i64) -> WriteIf {
    WriteIf { key: promise_key(id), version: 1, value: None }
}

/// Ends those of these promises that are a repository's.
fn end(shelf: &mut Shelf, promises: &[ReservationId]) -> Vec<WriteIf> {
    let ended = promises.iter().filter(|id| shelf.promises.remove(&id.0).is_some());
    ended.map(|id| end_of_promise(id.0)).collect()
}

impl Keeper {
    /// Books in this space.
    pub fn new(config: QuotaConfig, state: Arc<dyn State>) -> Self {
        Self { config, state, turn: Mutex::new(()) }
    }

    fn default_of(&self, account: &Account) -> Option<u64> {
        match account.visibility {
            Visibility::Public => self.config.public_bytes,
            Visibility::Private => self.config.private_bytes,
        }
    }

    async fn read<T: DeserializeOwned>(&self, key: String) -> Result<Option<Seen<T>>> {
        let Some(kept) = self.state.get(&key).await? else { return Ok(None) };
        let value = serde_json::from_slice(&kept.value).map_err(|error| broken(&key, &error))?;
        Ok(Some(Seen { key, version: kept.version, value }))
    }

    async fn account_of(&self, repo: RepoKey) -> Result<Option<Seen<Account>>> {
        self.read(repo_key(repo)).await
    }

    async fn page(&self, account: &Account) -> Result<Seen<Page>> {
        let key = account_key(account);
        let new = Seen { key: key.clone(), version: 0, value: Page::default() };
        Ok(self.read(key).await?.unwrap_or(new))
    }

    /// The page of a repository's account, on which it stands; none where it was not placed.
    async fn page_with(&self, repo: RepoKey) -> Result<Option<(Account, Seen<Page>)>> {
        loop {
            let Some(account) = self.account_of(repo).await? else { return Ok(None) };
            let page = self.page(&account.value).await?;
            // Otherwise it has moved between the two.
            if page.value.repositories.contains_key(&repo.0) {
                return Ok(Some((account.value, page)));
            }
        }
    }

    /// Changes a repository on the page of its account, until nobody else did at the same time. `change` answers what is
    /// written besides the page.
    async fn on_shelf(&self, repo: RepoKey, change: impl Fn(&mut Shelf) -> Vec<WriteIf> + Send + Sync) -> Result<()> {
        let _turn = self.turn.lock().await;
        loop {
            let (_, mut page) = self.page_with(repo).await?.ok_or_else(|| not_placed(repo))?;
            let mut writes = change(page.value.repositories.entry(repo.0).or_default());
            writes.push(page.write()?);
            if self.state.apply(writes).await? {
                return Ok(());
            }
        }
    }

    async fn try_place(&self, repo: RepoKey, to: Account, force: bool) -> Result<bool> {
        let Some(mut place) = self.account_of(repo).await? else {
            let mut page = self.page(&to).await?;
            page.value.repositories.insert(repo.0, Shelf::default());
            let place = Seen { key: repo_key(repo), version: 0, value: to };
            return self.state.apply(vec![place.write()?, page.write()?]).await;
        };
        if place.value == to {
            return Ok(true);
        }
        let (mut from, mut page) = (self.page(&place.value).await?, self.page(&to).await?);
        let Some(shelf) = from.value.repositories.remove(&repo.0) else { return Ok(false) };
        if !force {
            page.value.admits(repo.0, countable(shelf.held.bytes, shelf.reserved())?, self.default_of(&to))?;
        }
        page.value.repositories.insert(repo.0, shelf);
        place.value = to;
        self.state.apply(vec![place.write()?, from.write()?, page.write()?]).await
    }

    async fn try_reserve(&self, repo: RepoKey, reservations: &[Reservation], expires: Timestamp) -> Result<bool> {
        let (account, mut page) = self.page_with(repo).await?.ok_or_else(|| not_placed(repo))?;
        let (mut wanted, mut writes, mut total) = (BTreeMap::new(), Vec::new(), 0);
        for Reservation { id, bytes } in reservations {
            let key = promise_key(id.0);
            if wanted.contains_key(&id.0) || self.state.get(&key).await?.is_some() {
                continue;
            }
            total = countable(*bytes, total)?;
            wanted.insert(id.0, Promise { bytes: *bytes, expires: expires.0 });
            writes.push(Seen { key, version: 0, value: repo }.write()?);
        }
        page.value.admits(repo.0, total, self.default_of(&account))?;
        page.value.repositories.entry(repo.0).or_default().promises.extend(wanted);
        writes.push(page.write()?);
        self.state.apply(writes).await
    }

    async fn try_forget(&self, repo: RepoKey) -> Result<bool> {
        let Some(place) = self.account_of(repo).await? else { return Ok(true) };
        let mut page = self.page(&place.value).await?;
        let Some(shelf) = page.value.repositories.remove(&repo.0) else { return Ok(false) };
        let mut writes = vec![place.delete(), page.write()?];
        writes.extend(shelf.promises.keys().map(|id| end_of_promise(*id)));
        self.state.apply(writes).await
    }

    /// Ends the promises of a page whose time is over.
    async fn try_expire(&self, key: &str, now: Timestamp) -> Result<bool> {
        let Some(mut page) = self.read::<Page>(key.to_owned()).await? else { return Ok(true) };
        let mut writes = Vec::new();
        for shelf in page.value.repositories.values_mut() {
            shelf.promises.retain(|id, promise| {
                let holds = promise.expires > now.0;
                if !holds {
                    writes.push(end_of_promise(*id));
                }
                holds
            });
        }
        if writes.is_empty() {
            return Ok(true);
        }
        writes.push(page.write()?);
        self.state.apply(writes).await
    }

    async fn usage_of(&self, scope: &Scope) -> Result<Usage> {
        match scope {
            Scope::Account(account) => Ok(self.page(account).await?.value.usage(self.default_of(account))),
            Scope::Repository(repo) => {
                let found = self.page_with(*repo).await?;
                let usage = found.and_then(|(account, page)| page.value.usage_of(repo.0, self.default_of(&account)));
                Ok(usage.unwrap_or_default())
            }
        }
    }

    async fn limit_of(&self, scope: &Scope) -> Result<Limit> {
        let set = match scope {
            Scope::Account(account) => self.page(account).await?.value.limit,
            Scope::Repository(repo) => {
                self.page_with(*repo).await?.and_then(|(_, page)| page.value.repositories.get(&repo.0)?.limit)
            }
        };
        Ok(set.unwrap_or(Limit::Default))
    }
}

#[async_trait]
impl Component for Keeper {}

#[async_trait]
impl Quota for Keeper {
    async fn place(&self, repo: RepoKey, account: Account, force: bool) -> Result<()> {
        let _turn = self.turn.lock().await;
        while !self.try_place(repo, account, force).await? {}
        Ok(())
    }

    async fn reserve(&self, repo: RepoKey, reservations: &[Reservation], expires: Timestamp) -> Result<()> {
        let _turn = self.turn.lock().await;
        while !self.try_reserve(repo, reservations, expires).await? {}
        Ok(())
    }

    async fn settle(&self, repo: RepoKey, held: Held, reservations: &[ReservationId]) -> Result<()> {
        countable(held.bytes, 0)?;
        self.on_shelf(repo, |shelf| {
            if held.revision > shelf.held.revision {
                shelf.held = held;
            }
            end(shelf, reservations)
        })
        .await
    }

    async fn release(&self, reservations: &[ReservationId]) -> Result<()> {
        let mut repos = BTreeSet::new();
        for id in reservations {
            if let Some(repo) = self.read::<RepoKey>(promise_key(id.0)).await? {
                repos.insert(repo.value);
            }
        }
        for repo in repos {
            match self.on_shelf(repo, |shelf| end(shelf, reservations)).await {
                // Forgotten meanwhile, and its promises with it.
                Err(error) if error.is(ErrorKind::NotFound) => {}
                released => released?,
            }
        }
        Ok(())
    }

    async fn forget(&self, repo: RepoKey) -> Result<()> {
        let _turn = self.turn.lock().await;
        while !self.try_forget(repo).await? {}
        Ok(())
    }

    async fn usage(&self, scopes: &[Scope]) -> Result<Vec<Usage>> {
        let mut usages = Vec::with_capacity(scopes.len());
        for scope in scopes {
            usages.push(self.usage_of(scope).await?);
        }
        Ok(usages)
    }

    async fn limits(&self, scopes: &[Scope]) -> Result<Vec<Limit>> {
        let mut limits = Vec::with_capacity(scopes.len());
        for scope in scopes {
            limits.push(self.limit_of(scope).await?);
        }
        Ok(limits)
    }

    async fn set_limit(&self, scope: Scope, limit: Limit) -> Result<()> {
        let account = match scope {
            Scope::Account(account) => account,
            Scope::Repository(repo) => {
                let set = |shelf: &mut Shelf| {
                    shelf.limit = Some(limit);
                    Vec::new()
                };
                return self.on_shelf(repo, set).await;
            }
        };
        let _turn = self.turn.lock().await;
        loop {
            let mut page = self.page(&account).await?;
            page.value.limit = Some(limit);
            if self.state.apply(vec![page.write()?]).await? {
                return Ok(());
            }
        }
    }

    async fn expire(&self, now: Timestamp) -> Result<()> {
        let mut after = None;
        loop {
            let page = self.state.scan("account/", after, PAGES).await?;
            for (key, _) in &page.items {
                let _turn = self.turn.lock().await;
                while !self.try_expire(key, now).await? {}
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}
