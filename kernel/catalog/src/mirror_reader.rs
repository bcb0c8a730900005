//! What other hubs said to those who asked with a token of their own, and nobody else is to see.

use ballast_database::{Result, for_both, read, transaction, write};
use ballast_types::{RepoKey, Timestamp};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::mirror::{PinRow, keep_listing, pin};
use crate::tables::{mirror_commits, mirror_readers};
use crate::{Catalog, MirrorPin, NewMirrorPin};

for_both! {
    pub async fn find_pin(c: &mut Connection, id: i64, reader: String, revision: String) -> Result<Option<PinRow>> {
        let of_commit = mirror_commits::mirror.eq(mirror_readers::mirror)
            .and(mirror_commits::commit_id.eq(mirror_readers::commit_id));
        let found = mirror_readers::table.inner_join(mirror_commits::table.on(of_commit))
            .filter(mirror_readers::mirror.eq(id)).filter(mirror_readers::reader.eq(reader))
            .filter(mirror_readers::revision.eq(revision))
            .select((
                mirror_readers::commit_id, mirror_readers::about, mirror_readers::checked_at, mirror_commits::listing,
            ));
        Ok(found.first(c).await.optional()?)
    }

    pub async fn put_pin(c: &mut Connection, id: i64, of: (String, String), row: PinRow, since: i64) -> Result<()> {
        let old = mirror_readers::table.filter(mirror_readers::mirror.eq(id));
        diesel::delete(old.filter(mirror_readers::checked_at.lt(since))).execute(c).await?;
        let ((reader, revision), (commit, about, checked_at, listing)) = (of, row);
        keep_listing!(c, id, &commit, &listing);
        let said = (
            mirror_readers::commit_id.eq(commit), mirror_readers::about.eq(about), mirror_readers::checked_at.eq(checked_at),
        );
        let row = (
            mirror_readers::mirror.eq(id), mirror_readers::reader.eq(reader), mirror_readers::revision.eq(revision),
            said.clone(),
        );
        let key = (mirror_readers::mirror, mirror_readers::reader, mirror_readers::revision);
        let insert = diesel::insert_into(mirror_readers::table).values(row).on_conflict(key);
        insert.do_update().set(said).execute(c).await?;
        Ok(())
    }

    pub async fn drop_pins(c: &mut Connection, id: i64, reader: String) -> Result<()> {
        let theirs = mirror_readers::table.filter(mirror_readers::mirror.eq(id)).filter(mirror_readers::reader.eq(reader));
        diesel::delete(theirs).execute(c).await?;
        Ok(())
    }
}

impl Catalog {
    /// What was said last of a revision to one reader; none where nothing was, or is not to be repeated.
    pub async fn find_reader_pin(&self, mirror: RepoKey, reader: &str, revision: &str) -> Result<Option<MirrorPin>> {
        let (reader, revision) = (reader.to_owned(), revision.to_owned());
        let found = read!(self.database, find_pin(mirror.0, reader, revision))?;
        found.map(|row| pin(mirror, row)).transpose()
    }

    /// Keeps what was said of a revision to one reader. What was said before `since` to anybody is of no use any more.
    pub async fn pin_reader(&self, mirror: RepoKey, reader: &str, new: NewMirrorPin, since: Timestamp) -> Result<()> {
        let NewMirrorPin { revision, pin } = new;
        let row = (pin.commit.to_string(), pin.about, pin.checked_at.0, pin.listing.0.to_vec());
        let of = (reader.to_owned(), revision);
        transaction!(self.database, put_pin(mirror.0, of, row, since.0))
    }

    /// One reader is to be shown nothing of a mirror before the other hub is asked again.
    pub async fn drop_reader(&self, mirror: RepoKey, reader: &str) -> Result<()> {
        write!(self.database, drop_pins(mirror.0, reader.to_owned()))
    }
}
