//! What happens in the books, each in one transaction.
//!
//! Every transaction locks the rows that it changes before it reads them: first repositories, in order of their keys,
//! then accounts, in order of theirs. So nobody decides on a number that somebody else is changing, and nobody waits
//! for somebody who waits for them. A reservation is changed only under the lock of its repository.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use ballast_contract::ErrorKind;
use ballast_contract::quota::{Account, Held, Limit, Reservation, Scope, Usage};
use ballast_database::{Database, Recent, fixed, for_both, read, transaction};
use ballast_types::RepoKey;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::LedgerConfig;
use crate::failure::{Failure, Result};
use crate::rows::{
    AccountRow, RepositoryRow, ReservationRow, columns, ledger_accounts, ledger_repositories, ledger_reservations,
    signed, sum,
};

/// Values that one statement lists: far below what SQLite takes.
const AT_ONCE: usize = 500;
/// Answers that are kept in memory; some 200 bytes each.
const REMEMBERED: u64 = 20_000;

/// The books, with what an account may hold where nothing is set.
pub(crate) struct Books {
    pub(crate) database: Database,
    pub(crate) config: LedgerConfig,
    /// What was answered and still holds, where this process alone writes.
    pub(crate) recent: Recent<Scope, Usage>,
}

/// The rows behind some scopes.
pub(crate) struct Standing {
    pub(crate) accounts: BTreeMap<Account, AccountRow>,
    pub(crate) repositories: BTreeMap<RepoKey, RepositoryRow>,
}

impl Books {
    pub(crate) fn new(database: Database, config: LedgerConfig) -> Self {
        Self { recent: Recent::new(&database, REMEMBERED, Duration::ZERO), database, config }
    }

    /// The database, for a write. Whatever changes, changes some account's sums: nothing that was answered holds.
    fn changing(&self) -> Database {
        self.database.outdating(self.recent.all())
    }

    pub(crate) async fn place(&self, repo: RepoKey, account: Account, force: bool) -> Result<()> {
        transaction!(self.changing(), place(repo, account, force, self.config.clone()))
    }

    pub(crate) async fn reserve(&self, repo: RepoKey, wanted: Vec<Reservation>, expires: i64) -> Result<()> {
        transaction!(self.changing(), reserve(repo, wanted, expires, self.config.clone()))
    }

    pub(crate) async fn settle(&self, repo: RepoKey, held: Held, reservations: Vec<i64>) -> Result<()> {
        transaction!(self.changing(), settle(repo, held, reservations))
    }

    pub(crate) async fn forget(&self, repo: RepoKey) -> Result<()> {
        transaction!(self.changing(), forget(repo))
    }

    pub(crate) async fn set_limit(&self, scope: Scope, limit: Limit) -> Result<()> {
        transaction!(self.changing(), set_limit(scope, limit))
    }

    /// Ends reservations, a few hundred in a transaction.
    pub(crate) async fn release(&self, reservations: &[i64]) -> Result<()> {
        for piece in reservations.chunks(AT_ONCE) {
            let () = transaction!(self.changing(), release(piece.to_vec(), i64::MAX))?;
        }
        Ok(())
    }

    /// Ends those whose time is over, a few hundred in a transaction.
    pub(crate) async fn expire(&self, now: i64) -> Result<()> {
        loop {
            let over = read!(self.database, over(now))?;
            let more = over.len() == AT_ONCE;
            let () = transaction!(self.changing(), release(over, now))?;
            if !more {
                return Ok(());
            }
        }
    }

    pub(crate) async fn standing(&self, scopes: Vec<Scope>) -> Result<Standing> {
        read!(self.database, standing(scopes))
    }
}

fn not_placed(repo: RepoKey) -> Failure {
    Failure::Refused(ErrorKind::NotFound, format!("repository {repo} counts for no account: it was not placed"))
}

for_both! {
    pub async fn place(
        c: &mut Connection, repo: RepoKey, to: Account, force: bool, config: LedgerConfig,
    ) -> Result<()> {
        use ledger_repositories as t;
        let row = (t::repo.eq(repo.0), t::namespace.eq(to.namespace.0), t::visibility.eq(to.visibility.as_str()));
        diesel::insert_into(t::table).values(row).on_conflict_do_nothing().execute(c).await?;
        let mut repository = locked(c, repo).await?;
        let from = repository.account()?;
        let mut accounts = locked_accounts(c, BTreeSet::from([from, to])).await?;
        if from == to {
            return Ok(());
        }
        let (used, reserved) = (repository.used, repository.reserved);
        for (account, row) in &mut accounts {
            if *account == from {
                row.add(-used, -reserved)?;
            } else {
                if !force {
                    row.admit(sum(used, reserved)?, &config)?;
                }
                row.add(used, reserved)?;
            }
            save_account(c, row).await?;
        }
        repository.move_to(to);
        let place = (t::namespace.eq(to.namespace.0), t::visibility.eq(to.visibility.as_str()));
        diesel::update(t::table.find(repo.0)).set(place).execute(c).await?;
        Ok(())
    }

    pub async fn reserve(
        c: &mut Connection, repo: RepoKey, wanted: Vec<Reservation>, expires: i64, config: LedgerConfig,
    ) -> Result<()> {
        let mut repository = locked(c, repo).await?;
        let mut account = locked_account(c, repository.account()?).await?;
        let mut seen = promised(c, wanted.iter().map(|reservation| reservation.id.0).collect()).await?;
        let mut rows = Vec::new();
        let mut total = 0;
        for Reservation { id, bytes } in wanted {
            if seen.insert(id.0) {
                let bytes = signed(bytes)?;
                total = sum(total, bytes)?;
                rows.push(ReservationRow { id: id.0, repo: repo.0, bytes, expires_at: expires });
            }
        }
        account.admit(total, &config)?;
        repository.admit(total)?;
        let new = rows.len();
        if bulk_insert!(c, ledger_reservations::table, rows)? != new {
            let why = "another repository is given the same reservation at this moment";
            return Err(Failure::Refused(ErrorKind::Conflict, why.to_owned()));
        }
        account.add(0, total)?;
        repository.reserved = sum(repository.reserved, total)?;
        save_account(c, &account).await?;
        save_repository(c, &repository).await
    }

    pub async fn settle(c: &mut Connection, repo: RepoKey, held: Held, reservations: Vec<i64>) -> Result<()> {
        let (bytes, revision) = (signed(held.bytes)?, signed(held.revision)?);
        let mut repository = locked(c, repo).await?;
        let mut account = locked_account(c, repository.account()?).await?;
        let mut ended = 0;
        for piece in reservations.chunks(AT_ONCE) {
            let of_repository = ledger_reservations::repo.eq(repo.0);
            let rows = ledger_reservations::table.filter(of_repository).filter(ledger_reservations::id.eq_any(piece));
            let gone: Vec<i64> = diesel::delete(rows).returning(ledger_reservations::bytes).get_results(c).await?;
            ended += gone.iter().sum::<i64>();
        }
        if revision >= repository.revision {
            account.add(bytes - repository.used, 0)?;
            (repository.used, repository.revision) = (bytes, revision);
        }
        account.add(0, -ended)?;
        repository.reserved -= ended;
        save_account(c, &account).await?;
        save_repository(c, &repository).await
    }

    /// Ends those of these reservations whose time is over at `until`.
    pub async fn release(c: &mut Connection, reservations: Vec<i64>, until: i64) -> Result<()> {
        use ledger_reservations as t;
        let these = || t::table.filter(t::id.eq_any(reservations.clone())).filter(t::expires_at.le(until));
        let repositories: Vec<i64> = these().select(t::repo).distinct().load(c).await?;
        let query = ledger_repositories::table.filter(ledger_repositories::repo.eq_any(&repositories));
        let repositories: Vec<RepositoryRow> = lock!(query.order(ledger_repositories::repo)).load(c).await?;
        let places = repositories.iter().map(RepositoryRow::account).collect::<Result<_>>()?;
        let mut accounts = locked_accounts(c, places).await?;
        for mut repository in repositories {
            // Read again, under the lock: another call may have ended them meanwhile.
            let rows = these().filter(t::repo.eq(repository.repo));
            let gone: Vec<i64> = diesel::delete(rows).returning(t::bytes).get_results(c).await?;
            let ended: i64 = gone.iter().sum();
            repository.reserved -= ended;
            save_repository(c, &repository).await?;
            if let Some(account) = accounts.get_mut(&repository.account()?) {
                account.add(0, -ended)?;
            }
        }
        for account in accounts.values() {
            save_account(c, account).await?;
        }
        Ok(())
    }

    pub async fn forget(c: &mut Connection, repo: RepoKey) -> Result<()> {
        let query = ledger_repositories::table.find(repo.0);
        let Some(repository): Option<RepositoryRow> = lock!(query).first(c).await.optional()? else { return Ok(()) };
        let mut account = locked_account(c, repository.account()?).await?;
        account.add(-repository.used, -repository.reserved)?;
        save_account(c, &account).await?;
        diesel::delete(ledger_reservations::table.filter(ledger_reservations::repo.eq(repo.0))).execute(c).await?;
        diesel::delete(ledger_repositories::table.find(repo.0)).execute(c).await?;
        Ok(())
    }

    pub async fn set_limit(c: &mut Connection, scope: Scope, limit: Limit) -> Result<()> {
        let (kind, bytes) = columns(limit)?;
        match scope {
            Scope::Account(account) => {
                use ledger_accounts as t;
                locked_account(c, account).await?;
                let row = t::table.find((account.namespace.0, account.visibility.as_str()));
                diesel::update(row).set((t::limit_kind.eq(kind), t::limit_bytes.eq(bytes))).execute(c).await?;
            }
            Scope::Repository(repo) => {
                use ledger_repositories as t;
                let row = diesel::update(t::table.find(repo.0));
                if row.set((t::limit_kind.eq(kind), t::limit_bytes.eq(bytes))).execute(c).await? == 0 {
                    return Err(not_placed(repo));
                }
            }
        }
        Ok(())
    }

    /// Some of the reservations whose time is over.
    pub async fn over(c: &mut Connection, now: i64) -> Result<Vec<i64>> {
        use ledger_reservations as t;
        let rows = t::table.filter(t::expires_at.le(now)).order(t::expires_at).limit(AT_ONCE as i64);
        Ok(rows.select(t::id).load(c).await?)
    }

    /// The rows of these scopes, and the account of each repository.
    pub async fn standing(c: &mut Connection, scopes: Vec<Scope>) -> Result<Standing> {
        let mut namespaces = BTreeSet::new();
        let mut repositories = BTreeMap::new();
        for piece in scopes.chunks(AT_ONCE) {
            let keys = piece.iter().filter_map(|scope| match scope {
                Scope::Repository(repo) => Some(repo.0),
                Scope::Account(account) => {
                    namespaces.insert(account.namespace.0);
                    None
                }
            });
            let keys: Vec<i64> = keys.collect();
            let rows = ledger_repositories::table.filter(ledger_repositories::repo.eq_any(keys));
            for row in rows.load::<RepositoryRow>(c).await? {
                namespaces.insert(row.account()?.namespace.0);
                repositories.insert(RepoKey(row.repo), row);
            }
        }
        let mut accounts = BTreeMap::new();
        for piece in Vec::from_iter(namespaces).chunks(AT_ONCE) {
            let rows = ledger_accounts::table.filter(ledger_accounts::namespace.eq_any(piece));
            for row in rows.load::<AccountRow>(c).await? {
                accounts.insert(row.account()?, row);
            }
        }
        Ok(Standing { accounts, repositories })
    }

    async fn locked(c: &mut Connection, repo: RepoKey) -> Result<RepositoryRow> {
        let query = ledger_repositories::table.find(repo.0);
        lock!(query).first(c).await.optional()?.ok_or_else(|| not_placed(repo))
    }

    /// An account's row, made where it is missing.
    async fn locked_account(c: &mut Connection, account: Account) -> Result<AccountRow> {
        use ledger_accounts as t;
        let key = (account.namespace.0, account.visibility.as_str());
        let query = || t::table.find(key);
        if let Some(row) = lock!(query()).first(c).await.optional()? {
            return Ok(row);
        }
        let row = (t::namespace.eq(key.0), t::visibility.eq(key.1));
        diesel::insert_into(t::table).values(row).on_conflict_do_nothing().execute(c).await?;
        Ok(lock!(query()).first(c).await?)
    }

    async fn locked_accounts(c: &mut Connection, keys: BTreeSet<Account>) -> Result<BTreeMap<Account, AccountRow>> {
        let mut accounts = BTreeMap::new();
        for key in keys {
            accounts.insert(key, locked_account(c, key).await?);
        }
        Ok(accounts)
    }

    async fn save_account(c: &mut Connection, row: &AccountRow) -> Result<()> {
        use ledger_accounts as t;
        let account = row.account()?;
        let stored = t::table.find((account.namespace.0, account.visibility.as_str()));
        fixed(diesel::update(stored).set((t::used.eq(row.used), t::reserved.eq(row.reserved)))).execute(c).await?;
        Ok(())
    }

    async fn save_repository(c: &mut Connection, row: &RepositoryRow) -> Result<()> {
        use ledger_repositories as t;
        let numbers = (t::used.eq(row.used), t::revision.eq(row.revision), t::reserved.eq(row.reserved));
        fixed(diesel::update(t::table.find(row.repo)).set(numbers)).execute(c).await?;
        Ok(())
    }

    /// Which of these reservations there are.
    async fn promised(c: &mut Connection, ids: Vec<i64>) -> Result<HashSet<i64>> {
        use ledger_reservations as t;
        let mut found = HashSet::new();
        for piece in ids.chunks(AT_ONCE) {
            found.extend(t::table.filter(t::id.eq_any(piece)).select(t::id).load::<i64>(c).await?);
        }
        Ok(found)
    }
}
