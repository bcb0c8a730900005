//! Users and organisations, listed and searched as whoever runs the hub does.

use ballast_database::{Error, Result, for_both, read};
use ballast_types::{Name, NamespaceKey};
use diesel::prelude::*;
use diesel_async::{AsyncConnectionCore, RunQueryDsl};

use crate::listing::pattern;
use crate::rows::{self, OrganizationRow, UserRow};
use crate::tables::{members, namespaces, organizations, repositories, users};
use crate::{Catalog, Organization, RepoState, User};

/// More words than anybody searches for.
const WORDS: usize = 16;

words! {
    /// What a list of users or organisations is ordered by.
    pub enum NamespaceOrder: "order of a list" {
        Created = "created",
        Name = "name",
    }
}

/// Which users or organisations, in which order, and which page of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceQuery {
    /// Each of these must occur in the name or, of a user, the e-mail address, in any case.
    pub search: Vec<String>,
    pub order: NamespaceOrder,
    pub descending: bool,
    /// [`NamespaceQuery::cursor`] of the last one of the page before.
    pub after: Option<String>,
    pub limit: usize,
}

/// Behind what a page begins.
enum Place {
    Start,
    Key(i64),
    Lower(String),
}

impl NamespaceQuery {
    /// Where a list in this order goes on behind somebody.
    pub fn cursor(&self, key: i64, name: &Name) -> String {
        match self.order {
            NamespaceOrder::Created => key.to_string(),
            NamespaceOrder::Name => name.lower(),
        }
    }

    fn place(&self) -> Result<Place> {
        let Some(text) = &self.after else { return Ok(Place::Start) };
        let place = match self.order {
            NamespaceOrder::Created => text.parse().ok().map(Place::Key),
            NamespaceOrder::Name => text.parse::<Name>().ok().map(|name| Place::Lower(name.lower())),
        };
        place.ok_or_else(|| Error::Cursor(text.chars().take(200).collect()))
    }

    /// What no name and no address contains occurs nowhere; PostgreSQL, moreover, takes no text with a NUL in it.
    fn finds_nothing(&self) -> bool {
        self.search.iter().any(|word| !word.is_ascii() || word.contains('\0'))
    }
}

/// Adds order and place to a query over namespaces; a macro because each query is a type of its own.
macro_rules! placed {
    ($found:ident, $query:expr, $place:expr) => {{
        let descending = $query.descending;
        $found = match $place {
            Place::Start => $found,
            Place::Key(key) if descending => $found.filter(namespaces::id.lt(key)),
            Place::Key(key) => $found.filter(namespaces::id.gt(key)),
            Place::Lower(lower) if descending => $found.filter(namespaces::lower.lt(lower)),
            Place::Lower(lower) => $found.filter(namespaces::lower.gt(lower)),
        };
        match ($query.order, descending) {
            (NamespaceOrder::Created, false) => $found.order(namespaces::id.asc()),
            (NamespaceOrder::Created, true) => $found.order(namespaces::id.desc()),
            (NamespaceOrder::Name, false) => $found.order(namespaces::lower.asc()),
            (NamespaceOrder::Name, true) => $found.order(namespaces::lower.desc()),
        }
    }};
}

for_both! {
    pub async fn users(c: &mut Connection, query: NamespaceQuery, place: Place) -> Result<Vec<(UserRow, String)>> {
        let mut found = users::table
            .inner_join(namespaces::table)
            .select((UserRow::as_select(), namespaces::name))
            .into_boxed::<<Connection as AsyncConnectionCore>::Backend>();
        for word in query.search.iter().take(WORDS) {
            let named = namespaces::lower.like(pattern(word)).escape('\\');
            let addressed = users::email_lower.like(pattern(word)).escape('\\').assume_not_null();
            found = found.filter(named.or(users::email_lower.is_not_null().and(addressed)));
        }
        let found = placed!(found, query, place);
        Ok(found.limit(rows::limit(query.limit)).load(c).await?)
    }

    pub async fn organizations(c: &mut Connection, query: NamespaceQuery, place: Place)
        -> Result<Vec<(OrganizationRow, String)>> {
        let mut found = organizations::table
            .inner_join(namespaces::table)
            .select((OrganizationRow::as_select(), namespaces::name))
            .into_boxed::<<Connection as AsyncConnectionCore>::Backend>();
        for word in query.search.iter().take(WORDS) {
            found = found.filter(namespaces::lower.like(pattern(word)).escape('\\'));
        }
        let found = placed!(found, query, place);
        Ok(found.limit(rows::limit(query.limit)).load(c).await?)
    }

    pub async fn repositories(c: &mut Connection, keys: Vec<i64>) -> Result<Vec<(i64, i64)>> {
        let counted = repositories::table
            .filter(repositories::namespace.eq_any(keys))
            .filter(repositories::state.eq(RepoState::Active.as_str()))
            .group_by(repositories::namespace)
            .select((repositories::namespace, diesel::dsl::count_star()));
        Ok(counted.load(c).await?)
    }

    pub async fn memberships(c: &mut Connection, keys: Vec<i64>) -> Result<Vec<(i64, i64)>> {
        let counted = members::table
            .filter(members::organization.eq_any(keys))
            .group_by(members::organization)
            .select((members::organization, diesel::dsl::count_star()));
        Ok(counted.load(c).await?)
    }
}

impl Catalog {
    /// A page of users. `Cursor` when it goes on where this order cannot.
    pub async fn search_users(&self, query: NamespaceQuery) -> Result<Vec<User>> {
        let place = query.place()?;
        if query.finds_nothing() {
            return Ok(vec![]);
        }
        read!(self.database, users(query, place))?.into_iter().map(rows::user).collect()
    }

    /// A page of organisations. `Cursor` when it goes on where this order cannot.
    pub async fn search_organizations(&self, query: NamespaceQuery) -> Result<Vec<Organization>> {
        let place = query.place()?;
        if query.finds_nothing() {
            return Ok(vec![]);
        }
        read!(self.database, organizations(query, place))?.into_iter().map(rows::organization).collect()
    }

    /// How many active repositories a page's worth of namespaces have; those without any are left out.
    pub async fn count_repositories(&self, keys: &[NamespaceKey]) -> Result<Vec<(NamespaceKey, u64)>> {
        let found: Vec<(i64, i64)> = read!(self.database, repositories(keys.iter().map(|key| key.0).collect()))?;
        counted("the number of repositories", found)
    }

    /// How many members a page's worth of organisations have; those without any are left out.
    pub async fn count_memberships(&self, keys: &[NamespaceKey]) -> Result<Vec<(NamespaceKey, u64)>> {
        let found: Vec<(i64, i64)> = read!(self.database, memberships(keys.iter().map(|key| key.0).collect()))?;
        counted("the number of members", found)
    }
}

fn counted(what: &str, found: Vec<(i64, i64)>) -> Result<Vec<(NamespaceKey, u64)>> {
    found.into_iter().map(|(key, number)| Ok((NamespaceKey(key), rows::count(what, key, number)?))).collect()
}
