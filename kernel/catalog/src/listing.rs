//! Lists of repositories: filtered by what the viewer may see, in six orders, page by page.

use ballast_database::{Error, Result, for_both, read};
use ballast_types::{Name, NamespaceKey, RepoKey, RepoKind, UserKey, Visibility};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::{AsyncConnectionCore, RunQueryDsl};

use crate::card::{TAGS, searched};
use crate::rows::{self, RepositoryRow};
use crate::tables::{card_tags, cards, members, namespaces, repositories};
use crate::{Catalog, RepoState, Repository};

/// More words than anybody searches for; what comes after them does not narrow the search further.
const WORDS: usize = 16;

words! {
    /// What a list of repositories is ordered by; ties by age.
    pub enum Sort: "order of a list" {
        Created = "created",
        Updated = "updated",
        Name = "name",
        Downloads = "downloads",
        Likes = "likes",
        /// As last ranked: what is downloaded much these days.
        Trend = "trend",
    }
}

/// For whom a list is made. The default is anybody, who sees what is public.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Viewer {
    /// Sees what is private in their own namespace and in the organisations that they belong to.
    pub user: Option<UserKey>,
    /// Sees every repository: an administrator of the hub.
    pub everything: bool,
    /// A credential's scope: of what is private, these alone.
    pub scope: Option<Vec<RepoKey>>,
}

/// Which repositories, in which order, and which page of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    pub kind: RepoKind,
    /// Of this namespace alone.
    pub author: Option<NamespaceKey>,
    /// Each of these must occur in `namespace/name`, in any case. The first sixteen count.
    pub search: Vec<String>,
    /// Each of these must be a tag of its card, in any case. The first sixteen count.
    pub tags: Vec<String>,
    pub pipeline_tag: Option<String>,
    /// Gated ones alone, or those that are not.
    pub gated: Option<bool>,
    pub viewer: Viewer,
    pub sort: Sort,
    pub descending: bool,
    /// [`Listed::next`] of the page before.
    pub after: Option<String>,
    pub limit: usize,
}

/// A page of repositories, each with the name of its namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub items: Vec<(Repository, Name)>,
    /// Where to go on; none at the end.
    pub next: Option<String>,
}

/// The last row of a page: its place in the order and its key. Written `WORD.KEY.VALUE`.
struct Cursor {
    value: Value,
    key: i64,
}

enum Value {
    Number(i64),
    Text(String),
}

impl Cursor {
    fn of(sort: Sort, repository: &Repository) -> Self {
        let number = |count: u64| Value::Number(i64::try_from(count).unwrap_or(i64::MAX));
        let value = match sort {
            Sort::Created => Value::Number(repository.created_at.0),
            Sort::Updated => Value::Number(repository.updated_at.0),
            Sort::Name => Value::Text(repository.name.lower()),
            Sort::Downloads => number(repository.downloads),
            Sort::Likes => number(repository.likes),
            Sort::Trend => number(repository.trending),
        };
        Self { value, key: repository.key.0 }
    }

    fn write(&self, sort: Sort) -> String {
        match &self.value {
            Value::Number(number) => format!("{sort}.{}.{number}", self.key),
            Value::Text(text) => format!("{sort}.{}.{text}", self.key),
        }
    }

    /// A cursor of another order, like any other text, goes nowhere.
    fn read(sort: Sort, text: &str) -> Result<Self> {
        let read = || {
            let (key, value) = text.strip_prefix(sort.as_str())?.strip_prefix('.')?.split_once('.')?;
            let value = match sort {
                Sort::Name => Value::Text(value.parse::<Name>().ok()?.lower()),
                _ => Value::Number(value.parse().ok()?),
            };
            Some(Self { value, key: key.parse().ok()? })
        };
        read().ok_or_else(|| Error::Cursor(text.chars().take(200).collect()))
    }
}

/// A search word as a pattern for `LIKE … ESCAPE '\'`.
pub(crate) fn pattern(word: &str) -> String {
    let mut pattern = String::from("%");
    for letter in word.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter.to_ascii_lowercase());
    }
    pattern + "%"
}

/// Adds order and place to a query; a macro because each column is a type of its own. The outer comparison alone lets
/// the index find the place.
macro_rules! ordered {
    ($found:ident, $column:expr, $descending:expr, $after:expr) => {{
        if let Some((value, key)) = $after {
            $found = match $descending {
                false => $found.filter($column.ge(value.clone()).and($column.gt(value).or(repositories::id.gt(key)))),
                true => $found.filter($column.le(value.clone()).and($column.lt(value).or(repositories::id.lt(key)))),
            };
        }
        match $descending {
            false => $found.order(($column.asc(), repositories::id.asc())),
            true => $found.order(($column.desc(), repositories::id.desc())),
        }
    }};
}

/// Narrows a boxed query to what a viewer may see; a macro because each query is a type of its own.
macro_rules! visible {
    ($found:expr, $viewer:expr) => {{
        let (mut found, viewer) = ($found, $viewer);
        let public = repositories::visibility.eq(Visibility::Public.as_str());
        if let Some(scope) = viewer.scope {
            let within = repositories::id.eq_any(scope.into_iter().map(|key| key.0).collect::<Vec<_>>());
            found = found.filter(public.or(within));
        }
        match (viewer.everything, viewer.user) {
            (true, _) => found,
            (false, None) => found.filter(public),
            (false, Some(user)) => {
                let membership = members::table
                    .filter(members::organization.eq(repositories::namespace))
                    .filter(members::member.eq(user.0));
                found.filter(public.or(repositories::namespace.eq(user.0)).or(exists(membership)))
            }
        }
    }};
}
pub(crate) use visible;

for_both! {
    pub async fn list(c: &mut Connection, query: ListQuery, cursor: Option<Cursor>, limit: i64)
        -> Result<Vec<(RepositoryRow, String)>> {
        let mut found = repositories::table
            .inner_join(namespaces::table)
            .filter(repositories::state.eq(RepoState::Active.as_str()))
            .select((RepositoryRow::as_select(), namespaces::name))
            .into_boxed::<<Connection as AsyncConnectionCore>::Backend>();
        let kind = query.kind.as_str();
        found = match query.author {
            None => found.filter(repositories::kind.eq(kind)),
            // SQLite keeps no statistics: for an author's few rows it would walk the whole kind in its order, were it
            // not for LIKE, which those indexes cannot answer.
            Some(author) => found.filter(repositories::namespace.eq(author.0).and(repositories::kind.like(kind))),
        };
        for word in query.search.iter().take(WORDS) {
            let id = namespaces::lower.concat("/").concat(repositories::lower);
            found = found.filter(id.like(pattern(word)).escape('\\'));
        }
        for tag in query.tags.iter().take(TAGS) {
            let tagged = card_tags::table
                .filter(card_tags::repository.eq(repositories::id))
                .filter(card_tags::tag.eq(searched(tag)));
            found = found.filter(exists(tagged));
        }
        if let Some(tag) = query.pipeline_tag {
            let carded = cards::table.filter(cards::repository.eq(repositories::id)).filter(cards::pipeline_tag.eq(tag));
            found = found.filter(exists(carded));
        }
        found = match query.gated {
            Some(true) => found.filter(repositories::gated.is_not_null()),
            Some(false) => found.filter(repositories::gated.is_null()),
            None => found,
        };
        found = visible!(found, query.viewer);
        let (number, text) = match cursor {
            Some(Cursor { value: Value::Number(number), key }) => (Some((number, key)), None),
            Some(Cursor { value: Value::Text(text), key }) => (None, Some((text, key))),
            None => (None, None),
        };
        let found = match query.sort {
            Sort::Created => ordered!(found, repositories::created_at, query.descending, number),
            Sort::Updated => ordered!(found, repositories::updated_at, query.descending, number),
            Sort::Name => ordered!(found, repositories::lower, query.descending, text),
            Sort::Downloads => ordered!(found, repositories::downloads, query.descending, number),
            Sort::Likes => ordered!(found, repositories::likes, query.descending, number),
            Sort::Trend => ordered!(found, repositories::trending, query.descending, number),
        };
        Ok(found.limit(limit).load(c).await?)
    }
}

impl Catalog {
    /// The active repositories that a viewer may see. One statement; `Cursor` when `after` is not of a list in this
    /// order.
    pub async fn list_repositories(&self, query: ListQuery) -> Result<Listed> {
        let (sort, limit) = (query.sort, query.limit.max(1));
        let cursor = query.after.as_deref().map(|text| Cursor::read(sort, text)).transpose()?;
        // What no name contains occurs nowhere; PostgreSQL, moreover, takes no text with a NUL in it.
        if query.search.iter().any(|word| !word.is_ascii() || word.contains('\0')) {
            return Ok(Listed { items: Vec::new(), next: None });
        }
        // One more than asked for tells whether there is a next page.
        let mut found = read!(self.database, list(query, cursor, rows::limit(limit).saturating_add(1)))?;
        let more = found.len() > limit;
        found.truncate(limit);
        let item = |(row, name): (RepositoryRow, String)| {
            let repository = Repository::try_from(row)?;
            let name = rows::parse("namespaces.name", repository.namespace.0, &name)?;
            Ok((repository, name))
        };
        let items: Vec<(Repository, Name)> = found.into_iter().map(item).collect::<Result<_>>()?;
        let next = items.last().filter(|_| more).map(|(last, _)| Cursor::of(sort, last).write(sort));
        Ok(Listed { items, next })
    }
}
