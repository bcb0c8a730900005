//! What READMEs say, kept for lists and searches: they read no file.

use ballast_database::{Error, Result, for_both, read, transaction};
use ballast_types::{GitOid, RepoKey};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::{Map, Value};

use crate::tables::{card_tags, cards, repositories};
use crate::{Catalog, RepoState, rows};

/// What a repository's README says about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Card {
    /// The metadata at its top, as written.
    pub data: Map<String, Value>,
    pub tags: Vec<String>,
    pub pipeline_tag: Option<String>,
    pub library: Option<String>,
}

/// Which README was read last, and how often one was: what a later reading is held against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CardMark {
    pub revision: i64,
    /// None where there was none.
    pub readme: Option<GitOid>,
}

#[derive(Clone, Insertable, AsChangeset)]
#[diesel(table_name = cards, treat_none_as_null = true)]
struct NewRow {
    repository: i64,
    revision: i64,
    readme: Option<Vec<u8>>,
    data: String,
    tags: String,
    pipeline_tag: Option<String>,
    library: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = cards)]
struct Row {
    repository: i64,
    data: String,
    tags: String,
    pipeline_tag: Option<String>,
    library: Option<String>,
}

/// A repository's row of `cards`, as far as marks go.
type Mark = (i64, Option<Vec<u8>>);

for_both! {
    pub async fn mark(c: &mut Connection, repository: i64) -> Result<Option<Mark>> {
        Ok(cards::table.find(repository).select((cards::revision, cards::readme)).first(c).await.optional()?)
    }

    pub async fn put(c: &mut Connection, row: NewRow, tags: Vec<String>) -> Result<bool> {
        let (repository, before) = (row.repository, row.revision - 1);
        let older = cards::table.find(repository).filter(cards::revision.eq(before));
        let written = match before {
            0 => diesel::insert_into(cards::table).values(row).on_conflict_do_nothing().execute(c).await?,
            _ => diesel::update(older).set(row).execute(c).await?,
        };
        if written == 0 {
            return Ok(false);
        }
        diesel::delete(card_tags::table.filter(card_tags::repository.eq(repository))).execute(c).await?;
        let tag = |tag: String| (card_tags::repository.eq(repository), card_tags::tag.eq(tag));
        let tags: Vec<_> = tags.into_iter().map(tag).collect();
        bulk_insert!(c, card_tags::table, tags)?;
        Ok(true)
    }

    pub async fn cardless(c: &mut Connection, limit: i64) -> Result<Vec<i64>> {
        let read = cards::table.filter(cards::repository.eq(repositories::id));
        let found = repositories::table.filter(repositories::state.eq(RepoState::Active.as_str()))
            .filter(repositories::head.is_not_null())
            .filter(diesel::dsl::not(diesel::dsl::exists(read)));
        Ok(found.order(repositories::id).limit(limit).select(repositories::id).load(c).await?)
    }

    pub async fn of(c: &mut Connection, repositories: Vec<i64>) -> Result<Vec<Row>> {
        let found = cards::table.filter(cards::repository.eq_any(repositories));
        Ok(found.order(cards::repository).select(Row::as_select()).load(c).await?)
    }
}

fn card(row: Row) -> Result<(RepoKey, Card)> {
    let damaged = |column: &str, error: serde_json::Error| {
        Error::corrupt(format!("cards.{column} of row {}: {error}", row.repository))
    };
    let data = serde_json::from_str(&row.data).map_err(|error| damaged("data", error))?;
    let tags = serde_json::from_str(&row.tags).map_err(|error| damaged("tags", error))?;
    Ok((RepoKey(row.repository), Card { data, tags, pipeline_tag: row.pipeline_tag, library: row.library }))
}

impl Catalog {
    /// Which README of a repository was read last.
    pub async fn card_mark(&self, repo: RepoKey) -> Result<CardMark> {
        let Some((revision, readme)) = read!(self.database, mark(repo.0))? else { return Ok(CardMark::default()) };
        let readme = readme.map(|bytes: Vec<u8>| {
            GitOid::from_slice(&bytes).ok_or_else(|| Error::corrupt(format!("cards.readme of row {}", repo.0)))
        });
        Ok(CardMark { revision, readme: readme.transpose()? })
    }

    /// Keeps what a README says. False, and nothing kept, where another reading was faster: what was read is old, then.
    pub async fn put_card(&self, repo: RepoKey, before: CardMark, readme: Option<GitOid>, card: &Card) -> Result<bool> {
        let row = NewRow {
            repository: repo.0,
            revision: before.revision + 1,
            readme: readme.map(|oid| oid.0.to_vec()),
            // PostgreSQL takes no zero byte in a text; JSON writes it as an escape, which is none.
            data: Value::Object(card.data.clone()).to_string(),
            tags: serde_json::json!(card.tags).to_string(),
            pipeline_tag: card.pipeline_tag.as_deref().map(plain),
            library: card.library.as_deref().map(plain),
        };
        let mut tags: Vec<String> = card.tags.iter().map(|tag| searched(tag)).collect();
        tags.sort_unstable();
        tags.dedup();
        transaction!(self.database, put(row, tags))
    }

    /// Repositories with commits whose README was never read: those of before there were cards.
    pub async fn cardless(&self, limit: usize) -> Result<Vec<RepoKey>> {
        let found = read!(self.database, cardless(rows::limit(limit)))?;
        Ok(found.into_iter().map(RepoKey).collect())
    }

    /// Those cards that there are of a page's worth of repositories, by their keys.
    pub async fn cards(&self, repos: &[RepoKey]) -> Result<Vec<(RepoKey, Card)>> {
        let keys = repos.iter().map(|key| key.0).collect();
        read!(self.database, of(keys))?.into_iter().map(card).collect()
    }
}

/// A word as a column takes it.
fn plain(word: &str) -> String {
    word.replace('\0', "")
}

/// More tags than anybody filters by.
pub(crate) const TAGS: usize = 16;

/// A tag as it is searched for.
pub(crate) fn searched(tag: &str) -> String {
    plain(tag).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_any_case_and_without_zero_bytes() {
        assert_eq!(searched("License:MIT\0"), "license:mit");
    }
}
