//! Webhooks: addresses of the world that are told what happens to what their owner watches.
//!
//! What happened stands in the outbox, put there by whatever made it happen. [`Hub::tell_webhooks`] makes messages of
//! it, and [`Hub::send_messages`] sends each until it arrives or is given up; both may run on every node at once.

mod address;
mod payload;
mod send;
mod tell;

use std::collections::BTreeSet;
use std::time::Duration;

use ballast_catalog::{Noted, Watched, WebhookWish};
use ballast_types::{Name, RepoId, RepoKey, RepoKind, UserKey};
use serde_json::{Value, json};

use crate::audit::{By, user_object};
use crate::caller::Known;
use crate::{Caller, Failure, Hub, Result};

pub use ballast_catalog::{Domain, Webhook};
pub use send::Sender;

/// How webhooks are told.
#[derive(Clone, Copy, Debug)]
pub struct WebhookSettings {
    /// Whether they may be at addresses of this machine and of private networks.
    pub allow_private: bool,
    /// How long one may take to answer.
    pub timeout: Duration,
}

/// Something to be watched, as a client names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchedName {
    Repository(RepoKind, String),
    User(String),
    Organization(String),
}

/// What a webhook is to be; of a change, none leaves things as they are.
#[derive(Clone, Debug, Default)]
pub struct WebhookRequest {
    pub url: Option<String>,
    /// An empty one is none.
    pub secret: Option<String>,
    pub domains: Option<Vec<Domain>>,
    pub watched: Option<Vec<WatchedName>>,
}

/// A webhook, with the names of what it watches; what is gone by now is left out.
#[derive(Clone, Debug)]
pub struct WebhookView {
    pub webhook: Webhook,
    pub watched: Vec<WatchedName>,
}

/// The most webhooks that somebody has.
const MAX_WEBHOOKS: usize = 100;
/// The most things that one watches.
const MAX_WATCHED: usize = 100;
/// In bytes.
const MAX_SECRET: usize = 500;

impl Hub {
    /// The caller's webhooks, oldest first.
    pub async fn list_webhooks(&self, caller: &Caller) -> Result<Vec<WebhookView>> {
        let found = self.catalog().list_webhooks(owner(caller)?, MAX_WEBHOOKS).await?;
        self.watching(found).await
    }

    /// One of the caller's webhooks.
    pub async fn webhook(&self, caller: &Caller, id: i64) -> Result<WebhookView> {
        let found = self.catalog().find_webhook(owner(caller)?, id).await?.ok_or_else(absent)?;
        self.watching(vec![found]).await?.pop().ok_or_else(absent)
    }

    /// Makes a webhook. `Invalid` where its address is one that the hub does not send to.
    pub async fn create_webhook(&self, caller: &Caller, asked: WebhookRequest) -> Result<WebhookView> {
        let known = caller.writing()?;
        let url = asked.url.ok_or_else(|| Failure::invalid("url: missing"))?;
        let wish = WebhookWish {
            url: self.checked_url(&url)?,
            secret: checked_secret(asked.secret)?,
            domains: checked_domains(asked.domains.unwrap_or_else(|| vec![Domain::Repo, Domain::Discussion]))?,
            watched: self.looked_up(caller, asked.watched.unwrap_or_default()).await?,
        };
        let noted = self.noting_webhook(known, "webhook.create", json!({ "host": host(&wish.url) }));
        let made = noted.create_webhook(known.user.key, &wish, self.now(), MAX_WEBHOOKS).await?;
        let id =
            made.ok_or_else(|| Failure::Conflict(format!("You have {MAX_WEBHOOKS} webhooks: delete one first")))?;
        self.webhook(caller, id).await
    }

    /// Changes one of the caller's webhooks.
    pub async fn update_webhook(&self, caller: &Caller, id: i64, asked: WebhookRequest) -> Result<WebhookView> {
        let known = caller.writing()?;
        let owner = known.user.key;
        let there = self.catalog().find_webhook(owner, id).await?.ok_or_else(absent)?;
        let wish = WebhookWish {
            url: asked.url.map_or(Ok(there.url), |url| self.checked_url(&url))?,
            secret: match asked.secret {
                Some(secret) => checked_secret(Some(secret))?,
                None => there.secret,
            },
            domains: asked.domains.map_or(Ok(there.domains), checked_domains)?,
            watched: match asked.watched {
                Some(watched) => self.looked_up(caller, watched).await?,
                None => there.watched,
            },
        };
        let details = json!({ "webhook": id, "host": host(&wish.url) });
        match self.noting_webhook(known, "webhook.change", details).update_webhook(owner, id, &wish).await? {
            true => self.webhook(caller, id).await,
            false => Err(absent()),
        }
    }

    /// Stops one of the caller's webhooks, or lets it go on.
    pub async fn enable_webhook(&self, caller: &Caller, id: i64, enabled: bool) -> Result<WebhookView> {
        let known = caller.writing()?;
        let noted = self.noting_webhook(known, "webhook.change", json!({ "webhook": id, "enabled": enabled }));
        match noted.set_webhook_disabled(known.user.key, id, !enabled).await? {
            true => self.webhook(caller, id).await,
            false => Err(absent()),
        }
    }

    /// Forgets one of the caller's webhooks, and what was still to be sent to it.
    pub async fn delete_webhook(&self, caller: &Caller, id: i64) -> Result<()> {
        let known = caller.writing()?;
        let noted = self.noting_webhook(known, "webhook.delete", json!({ "webhook": id }));
        let deleted = noted.delete_webhook(known.user.key, id).await?;
        deleted.then_some(()).ok_or_else(absent)
    }

    fn noting_webhook(&self, known: &Known, action: &'static str, details: Value) -> Noted {
        self.noting(By::Known(known), action, user_object(&known.user.name), details)
    }

    fn checked_url(&self, text: &str) -> Result<String> {
        let allowed = address::checked(text, self.settings().webhooks.allow_private);
        allowed.map(|url| url.to_string()).map_err(|why| Failure::Invalid(format!("url: {why}")))
    }

    /// What these names stand for, which the caller must be able to see.
    async fn looked_up(&self, caller: &Caller, names: Vec<WatchedName>) -> Result<BTreeSet<Watched>> {
        if names.is_empty() || names.len() > MAX_WATCHED {
            return Err(Failure::Invalid(format!("watched: a webhook watches 1 to {MAX_WATCHED} things")));
        }
        let mut watched = self.repositories_among(caller, &names).await?;
        for name in names {
            watched.insert(match name {
                WatchedName::Repository(..) => continue,
                WatchedName::User(name) | WatchedName::Organization(name) => {
                    let absent =
                        || Failure::NotFound(format!("There is no user or organisation '{}'", name.escape_debug()));
                    let parsed: Name = name.parse().map_err(|_| absent())?;
                    Watched::Namespace(self.catalog().find_namespace(&parsed).await?.ok_or_else(absent)?.key)
                }
            });
        }
        Ok(watched)
    }

    async fn repositories_among(&self, caller: &Caller, names: &[WatchedName]) -> Result<BTreeSet<Watched>> {
        let mut wanted: Vec<(RepoKind, Name, Name)> = vec![];
        for name in names {
            let WatchedName::Repository(kind, id) = name else { continue };
            let (namespace, name) = id.split_once('/').unwrap_or(("", id));
            match (namespace.parse(), name.parse()) {
                (Ok(namespace), Ok(name)) => wanted.push((*kind, namespace, name)),
                _ => return Err(no_repository(*kind, id.clone())),
            }
        }
        let found = self.catalog().find_named(&wanted).await?;
        let visible = self.visible_among(&caller.viewer(), caller.known().ok(), found).await?;
        let key = |wanted: (RepoKind, Name, Name)| {
            let there = visible.iter().find(|(repository, owner)| repository.is_called(owner, &wanted));
            let (kind, namespace, name) = wanted;
            let key = there.map(|(repository, _)| Watched::Repository(repository.key));
            key.ok_or_else(|| no_repository(kind, format!("{namespace}/{name}")))
        };
        wanted.into_iter().map(key).collect()
    }

    async fn watching(&self, found: Vec<Webhook>) -> Result<Vec<WebhookView>> {
        let all: BTreeSet<Watched> = found.iter().flat_map(|webhook| webhook.watched.iter().copied()).collect();
        let keys: Vec<RepoKey> = all.iter().filter_map(repository).collect();
        let repositories = self.catalog().named_repositories(&keys).await?;
        let spaces: Vec<_> = all.iter().filter_map(namespace).collect();
        let namespaces = self.catalog().find_namespaces(&spaces).await?;
        let name = |watched: &Watched| match watched {
            Watched::Repository(key) => {
                let (repository, namespace) = repositories.iter().find(|(repository, _)| repository.key == *key)?;
                let id = RepoId { namespace: namespace.clone(), name: repository.name.clone() };
                Some(WatchedName::Repository(repository.kind, id.to_string()))
            }
            Watched::Namespace(key) => {
                let found = namespaces.iter().find(|namespace| namespace.key == *key)?;
                let name = found.name.to_string();
                Some(match found.kind {
                    ballast_catalog::NamespaceKind::User => WatchedName::User(name),
                    ballast_catalog::NamespaceKind::Organization => WatchedName::Organization(name),
                })
            }
        };
        let view =
            |webhook: Webhook| WebhookView { watched: webhook.watched.iter().filter_map(name).collect(), webhook };
        Ok(found.into_iter().map(view).collect())
    }
}

fn owner(caller: &Caller) -> Result<UserKey> {
    Ok(caller.writing()?.user.key)
}

/// All of an address that may be on record: the rest of it is often a secret.
fn host(url: &str) -> Option<String> {
    url.parse::<url::Url>().ok()?.host_str().map(str::to_owned)
}

fn no_repository(kind: RepoKind, id: String) -> Failure {
    Failure::RepositoryNotFound { kind, id, anonymous: false }
}

fn absent() -> Failure {
    Failure::NotFound("You have no such webhook".to_owned())
}

fn repository(watched: &Watched) -> Option<RepoKey> {
    match watched {
        Watched::Repository(key) => Some(*key),
        Watched::Namespace(_) => None,
    }
}

fn namespace(watched: &Watched) -> Option<ballast_types::NamespaceKey> {
    match watched {
        Watched::Namespace(key) => Some(*key),
        Watched::Repository(_) => None,
    }
}

fn checked_secret(secret: Option<String>) -> Result<Option<String>> {
    let secret = secret.filter(|secret| !secret.is_empty());
    // It travels as a header.
    let good = |secret: &String| secret.len() <= MAX_SECRET && secret.bytes().all(|byte| byte.is_ascii_graphic());
    match secret.as_ref().is_none_or(good) {
        true => Ok(secret),
        false => Err(Failure::Invalid(format!("secret: at most {MAX_SECRET} printable ASCII characters, no spaces"))),
    }
}

fn checked_domains(domains: Vec<Domain>) -> Result<BTreeSet<Domain>> {
    match domains.is_empty() {
        true => Err(Failure::invalid("domains: name at least one of repo, discussion")),
        false => Ok(domains.into_iter().collect()),
    }
}
