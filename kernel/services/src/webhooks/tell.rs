//! Out of the outbox: what happened, as messages to whoever watches.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ballast_catalog::{
    Deleted, Domain, Event, EventKind, Happening, HappeningKey, Namespace, NewMessage, Repository, User, Viewer,
    Watched,
};
use ballast_contract::versioning::CommitInfo;
use ballast_types::{CommitId, Name, NamespaceKey, RepoId, RepoKey, UserKey, Visibility};
use serde_json::{Value, json};

use super::Webhook;
use super::payload::{About, Sort, addressed, discussed, payload};
use crate::{Hub, Result};

const BATCH: usize = 100;

/// Repositories that are active, with their namespaces.
type Active = HashMap<RepoKey, (Repository, Namespace)>;

/// What happened, and where.
struct Story {
    domain: Domain,
    sort: Sort,
    about: About,
    more: Value,
}

impl Hub {
    /// Empties the outbox, making messages for the webhooks that watch what it tells of, with links that begin with
    /// `base`, which has no slash at its end; answers how many events that were. Several nodes may do so at once.
    pub async fn tell_webhooks(&self, base: &str) -> Result<usize> {
        let (mut told, mut after) = (0, None);
        loop {
            let events = self.catalog().list_events(after, BATCH).await?;
            let Some(last) = events.last() else { return Ok(told) };
            after = Some(last.id);
            told += self.tell_some(&events, base).await?;
        }
    }

    async fn tell_some(&self, events: &[Event], base: &str) -> Result<usize> {
        let known = self.repositories_of(events).await?;
        let watched = events.iter().flat_map(|event| watched_by(event, &known)).collect();
        let webhooks = self.catalog().webhooks_watching(&watched).await?;
        let readers = self.readers(&webhooks, &known).await?;
        let mut messages = vec![];
        for event in events {
            let on: BTreeSet<Watched> = watched_by(event, &known).into_iter().collect();
            // What was before it is nothing to a webhook.
            let concerns =
                |webhook: &Webhook| event.event.at >= webhook.created_at && !webhook.watched.is_disjoint(&on);
            let told: Vec<&(Webhook, User)> = webhooks.iter().filter(|(webhook, _)| concerns(webhook)).collect();
            if told.is_empty() {
                continue;
            }
            let Some(story) = self.story(event, &known, base).await? else { continue };
            let text = payload(story.sort, &story.about, base, story.more);
            for (webhook, owner) in told {
                let reads = match event.event.kind {
                    EventKind::RepositoryDeleted => self.belonged(owner, &story.about).await?,
                    _ => readers.contains(&(owner.key, event.event.repo)),
                };
                if reads && webhook.domains.contains(&story.domain) {
                    let body = addressed(&text, webhook.id);
                    messages.push(NewMessage { event: event.id, webhook: webhook.id, body });
                }
            }
        }
        let ids: Vec<_> = events.iter().map(|event| event.id).collect();
        Ok(self.catalog().deliver_events(&ids, messages, self.now()).await?)
    }

    async fn repositories_of(&self, events: &[Event]) -> Result<Active> {
        let keys: BTreeSet<RepoKey> = events.iter().map(|event| event.event.repo).collect();
        let found = self.catalog().find_owned(&keys.into_iter().collect::<Vec<_>>()).await?;
        Ok(found.into_iter().map(|found| (found.0.key, found)).collect())
    }

    /// Which owner of a webhook may read which of these repositories, now.
    async fn readers(&self, webhooks: &[(Webhook, User)], known: &Active) -> Result<HashSet<(UserKey, RepoKey)>> {
        let owners: BTreeMap<UserKey, bool> =
            webhooks.iter().map(|(_, owner)| (owner.key, owner.administrator)).collect();
        let mut readers = HashSet::new();
        for (owner, everything) in owners {
            let viewer = Viewer { user: Some(owner), everything, scope: None };
            let visible = self.visible_among(&viewer, None, known.values().cloned().collect()).await?;
            readers.extend(visible.into_iter().map(|(repository, _)| (owner, repository.key)));
        }
        Ok(readers)
    }

    /// Whether somebody could read what is gone: nobody can be asked about it any more.
    async fn belonged(&self, owner: &User, about: &About) -> Result<bool> {
        let open = about.visibility == Visibility::Public || owner.administrator;
        let own = open || owner.key.namespace() == about.owner;
        Ok(own || self.catalog().role(about.owner, owner.key).await?.is_some())
    }

    /// None where what it tells of is gone by now.
    async fn story(&self, event: &Event, known: &Active, base: &str) -> Result<Option<Story>> {
        let (key, details) = (event.event.repo, &event.event.details);
        if event.event.kind == EventKind::RepositoryDeleted {
            return self.deleted(key, details).await;
        }
        let Some((repository, owner)) = known.get(&key) else { return Ok(None) };
        let id = RepoId { namespace: owner.name.clone(), name: repository.name.clone() };
        let about = About::of(repository, &id);
        let repo = |action, scope, more| {
            Ok(Some(Story { domain: Domain::Repo, sort: Sort { action, scope }, about: about.clone(), more }))
        };
        match event.event.kind {
            EventKind::RepositoryCreated => repo("create", "repo", json!({})),
            EventKind::RepositoryChanged if details["moved"].is_object() => {
                let to = details["moved"]["to"].clone();
                let owner = json!({ "id": format!("{:024x}", repository.namespace.0) });
                repo("move", "repo", json!({ "movedTo": { "name": to, "owner": owner } }))
            }
            EventKind::RepositoryChanged => repo("update", "repo.config", json!({})),
            EventKind::RefChanged => repo("update", "repo.content", json!({ "updatedRefs": [details] })),
            // With which a repository begins; that it is there is told by itself.
            EventKind::Committed if details["first"] == true => Ok(None),
            EventKind::Committed => {
                let about = About { head: event.event.head.or(about.head), ..about.clone() };
                let more = self.moved_refs(repository, &about, details).await?;
                let sort = Sort { action: "update", scope: "repo.content" };
                Ok(Some(Story { domain: Domain::Repo, sort, about, more }))
            }
            EventKind::Discussed => self.discussion_story(repository, about.clone(), details, base).await,
            EventKind::RepositoryDeleted => Ok(None),
        }
    }

    async fn deleted(&self, key: RepoKey, details: &Value) -> Result<Option<Story>> {
        let Ok(last) = serde_json::from_value::<Deleted>(details.clone()) else { return Ok(None) };
        let namespace = self.catalog().find_namespaces(&[last.namespace]).await?.pop().map(|found| found.name);
        let about = About::deleted(key, &last, namespace.as_ref().map(Name::as_str));
        let sort = Sort { action: "delete", scope: "repo" };
        Ok(Some(Story { domain: Domain::Repo, sort, about, more: json!({}) }))
    }

    /// Which refs moved: those of a push, or where a commit moved one that can be told, the default branch, if it is at
    /// its end.
    async fn moved_refs(&self, repository: &Repository, about: &About, details: &Value) -> Result<Value> {
        if details["updatedRefs"].is_array() {
            return Ok(json!({ "updatedRefs": details["updatedRefs"] }));
        }
        let commit: Option<CommitId> = details["commit"].as_str().and_then(|text| text.parse().ok());
        let Some(commit) = commit.filter(|commit| about.head == Some(*commit)) else { return Ok(json!({})) };
        let found = self.engine().commits(repository.key, &[commit]).await;
        let info: Option<CommitInfo> = found.unwrap_or_default().into_iter().flatten().next();
        let old = info.and_then(|info| info.parents.first().copied());
        let name = format!("refs/heads/{}", repository.default_branch);
        Ok(json!({ "updatedRefs": [{ "ref": name, "oldSha": old, "newSha": commit }] }))
    }

    async fn discussion_story(
        &self,
        repository: &Repository,
        about: About,
        details: &Value,
        base: &str,
    ) -> Result<Option<Story>> {
        let number = details["discussion"].as_u64().and_then(|number| u32::try_from(number).ok());
        let Some(number) = number else { return Ok(None) };
        let Some(discussion) = self.catalog().find_discussion(repository.key, number).await? else { return Ok(None) };
        let said = match details["comment"].as_i64() {
            Some(key) => self.catalog().find_discussion_event(repository.key, number, HappeningKey(key)).await?,
            None => None,
        };
        let comment = said.as_ref().and_then(|said| match &said.what {
            Happening::Comment(comment) => Some((said.key.0, said.author.as_ref().map(|author| author.key.0), comment)),
            Happening::Status(_) | Happening::Title { .. } => None,
        });
        let action = if details["action"] == "create" { "create" } else { "update" };
        let scope = if comment.is_some() { "discussion.comment" } else { "discussion" };
        let more = discussed(&about, &discussion, comment, base);
        Ok(Some(Story { domain: Domain::Discussion, sort: Sort { action, scope }, about, more }))
    }
}

/// What somebody must watch to be told of an event: its repository, or the namespace that it is or was in.
fn watched_by(event: &Event, known: &Active) -> Vec<Watched> {
    let repo = event.event.repo;
    let last = || serde_json::from_value::<Deleted>(event.event.details.clone()).ok().map(|last| last.namespace);
    let namespace: Option<NamespaceKey> = known.get(&repo).map(|(repository, _)| repository.namespace).or_else(last);
    [Some(Watched::Repository(repo)), namespace.map(Watched::Namespace)].into_iter().flatten().collect()
}
