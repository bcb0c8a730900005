//! How many repositories a namespace has.

use ballast_database::{Result, for_both, read};
use ballast_types::{NamespaceKey, RepoKind, Visibility};
use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::rows;
use crate::tables::repositories;
use crate::{Catalog, RepoState};

/// The active repositories of a namespace, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    pub models: u64,
    pub datasets: u64,
    pub spaces: u64,
}

impl Census {
    /// Of all kinds.
    pub fn total(&self) -> u64 {
        self.models + self.datasets + self.spaces
    }
}

for_both! {
    pub async fn census(c: &mut Connection, namespace: i64, words: Vec<&'static str>) -> Result<Vec<(String, i64)>> {
        let counted = repositories::table
            .filter(repositories::namespace.eq(namespace))
            .filter(repositories::state.eq(RepoState::Active.as_str()))
            .filter(repositories::visibility.eq_any(words))
            .group_by(repositories::kind)
            .select((repositories::kind, count_star()));
        Ok(counted.load(c).await?)
    }
}

impl Catalog {
    /// Counts a namespace's repositories: the public ones, and with `private` those as well.
    pub async fn census(&self, namespace: NamespaceKey, private: bool) -> Result<Census> {
        let words = match private {
            true => vec![Visibility::Public.as_str(), Visibility::Private.as_str()],
            false => vec![Visibility::Public.as_str()],
        };
        let mut census = Census::default();
        for (kind, number) in read!(self.database, census(namespace.0, words))? {
            let place = match rows::parse("repositories.kind", namespace.0, &kind)? {
                RepoKind::Model => &mut census.models,
                RepoKind::Dataset => &mut census.datasets,
                RepoKind::Space => &mut census.spaces,
            };
            *place = rows::count("the number of repositories", namespace.0, number)?;
        }
        Ok(census)
    }
}
