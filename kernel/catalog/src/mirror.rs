//! Mirrors: what is known of repositories of other hubs that are read through this one.

use ballast_database::{Error, Result, for_both, read, transaction, write};
use ballast_types::{CommitId, LeaseId, Name, RepoKey, RepoKind, Sha256, Timestamp};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::tables::{mirror_commits, mirror_files, mirror_revisions, mirrors};
use crate::{Catalog, rows};

/// A repository of another hub, in any spelling of the case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorName {
    /// The address of the other hub.
    pub endpoint: String,
    pub kind: RepoKind,
    /// None of one that has a name alone there.
    pub namespace: Option<Name>,
    pub name: Name,
}

/// A repository that is mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// What its lease counts for: no repository has this key.
    pub key: RepoKey,
    /// Keeps what has arrived of it.
    pub lease: LeaseId,
    /// Until then, unless it is kept longer.
    pub kept_until: Timestamp,
}

impl MirrorName {
    /// `namespace/name`, or the name alone.
    pub fn repo(&self) -> String {
        self.namespace.as_ref().map_or_else(|| self.name.to_string(), |namespace| format!("{namespace}/{}", self.name))
    }

    /// As it stands in the rows.
    fn namespace(&self) -> String {
        self.namespace.as_ref().map(Name::lower).unwrap_or_default()
    }
}

/// What the other hub said of a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorPin {
    pub commit: CommitId,
    /// JSON, as whoever asked made it.
    pub about: String,
    pub checked_at: Timestamp,
    /// The blob that lists all files of the commit.
    pub listing: Sha256,
}

/// The same, to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMirrorPin {
    pub revision: String,
    pub pin: MirrorPin,
}

#[derive(Clone, Insertable, Queryable, Selectable)]
#[diesel(table_name = mirrors)]
pub struct Row {
    id: i64,
    endpoint: String,
    kind: String,
    namespace: String,
    name: String,
    lease: i64,
    kept_until: i64,
}

pub(crate) type PinRow = (String, String, i64, Vec<u8>);
type RefsRow = (Option<String>, i64);

macro_rules! named {
    ($name:expr) => {
        mirrors::table
            .filter(mirrors::namespace.eq($name.namespace()))
            .filter(mirrors::name.eq($name.name.lower()))
            .filter(mirrors::kind.eq($name.kind.as_str()))
            .filter(mirrors::endpoint.eq(&$name.endpoint))
    };
}

/// The blob that lists the files of a commit.
macro_rules! keep_listing {
    ($c:expr, $mirror:expr, $commit:expr, $listing:expr) => {{
        use crate::tables::mirror_commits as commits;
        let of_commit = (commits::mirror.eq($mirror), commits::commit_id.eq($commit), commits::listing.eq($listing));
        let insert = diesel::insert_into(commits::table).values(of_commit);
        let insert = insert.on_conflict((commits::mirror, commits::commit_id));
        insert.do_update().set(commits::listing.eq($listing)).execute($c).await?;
    }};
}
pub(crate) use keep_listing;

for_both! {
    pub async fn find(c: &mut Connection, name: MirrorName) -> Result<Option<Row>> {
        Ok(named!(name).select(Row::as_select()).first(c).await.optional()?)
    }

    pub async fn find_endpoint(c: &mut Connection, kind: String, namespace: String, name: String) -> Result<Option<String>> {
        let of_name = mirrors::table.filter(mirrors::namespace.eq(namespace)).filter(mirrors::name.eq(name));
        // What only some may have is told to nobody by what cannot be done with it.
        let is_open = exists(mirror_revisions::table.filter(mirror_revisions::mirror.eq(mirrors::id)));
        let found = of_name.filter(mirrors::kind.eq(kind)).filter(is_open).order(mirrors::endpoint).select(mirrors::endpoint);
        Ok(found.first(c).await.optional()?)
    }

    pub async fn find_name(c: &mut Connection, id: i64) -> Result<Option<Row>> {
        Ok(mirrors::table.find(id).select(Row::as_select()).first(c).await.optional()?)
    }

    /// What is there already stays, unless nothing of it is kept any more.
    pub async fn put(c: &mut Connection, name: MirrorName, row: Row, now: i64) -> Result<Row> {
        diesel::delete(named!(name).filter(mirrors::kept_until.le(now))).execute(c).await?;
        diesel::insert_into(mirrors::table).values(&row).on_conflict_do_nothing().execute(c).await?;
        Ok(named!(name).select(Row::as_select()).first(c).await?)
    }

    pub async fn keep(c: &mut Connection, id: i64, until: i64) -> Result<()> {
        let sooner = mirrors::table.find(id).filter(mirrors::kept_until.lt(until));
        diesel::update(sooner).set(mirrors::kept_until.eq(until)).execute(c).await?;
        Ok(())
    }

    pub async fn forget(c: &mut Connection, now: i64) -> Result<Vec<i64>> {
        let over = diesel::delete(mirrors::table.filter(mirrors::kept_until.le(now)));
        Ok(over.returning(mirrors::lease).get_results(c).await?)
    }

    pub async fn find_pin(c: &mut Connection, id: i64, revision: String) -> Result<Option<PinRow>> {
        let of_commit = mirror_commits::mirror.eq(mirror_revisions::mirror)
            .and(mirror_commits::commit_id.eq(mirror_revisions::commit_id));
        let found = mirror_revisions::table.inner_join(mirror_commits::table.on(of_commit))
            .filter(mirror_revisions::mirror.eq(id)).filter(mirror_revisions::revision.eq(revision))
            .select((
                mirror_revisions::commit_id, mirror_revisions::about, mirror_revisions::checked_at,
                mirror_commits::listing,
            ));
        Ok(found.first(c).await.optional()?)
    }

    pub async fn find_listing(c: &mut Connection, id: i64, commit: String) -> Result<Option<Vec<u8>>> {
        Ok(mirror_commits::table.find((id, commit)).select(mirror_commits::listing).first(c).await.optional()?)
    }

    pub async fn put_pin(c: &mut Connection, id: i64, revision: String, row: PinRow) -> Result<()> {
        let (commit, about, checked_at, listing) = row;
        keep_listing!(c, id, &commit, &listing);
        let row = (
            mirror_revisions::mirror.eq(id), mirror_revisions::revision.eq(revision),
            mirror_revisions::commit_id.eq(&commit), mirror_revisions::about.eq(&about),
            mirror_revisions::checked_at.eq(checked_at),
        );
        let said = (
            mirror_revisions::commit_id.eq(&commit), mirror_revisions::about.eq(&about),
            mirror_revisions::checked_at.eq(checked_at),
        );
        let key = (mirror_revisions::mirror, mirror_revisions::revision);
        let insert = diesel::insert_into(mirror_revisions::table).values(row).on_conflict(key);
        insert.do_update().set(said).execute(c).await?;
        Ok(())
    }

    pub async fn close(c: &mut Connection, id: i64) -> Result<()> {
        diesel::delete(mirror_revisions::table.filter(mirror_revisions::mirror.eq(id))).execute(c).await?;
        let none = (mirrors::refs.eq(None::<String>), mirrors::refs_checked_at.eq(0));
        diesel::update(mirrors::table.find(id)).set(none).execute(c).await?;
        Ok(())
    }

    pub async fn find_file(c: &mut Connection, id: i64, digest: String) -> Result<Option<Vec<u8>>> {
        Ok(mirror_files::table.find((id, digest)).select(mirror_files::sha256).first(c).await.optional()?)
    }

    pub async fn put_file(c: &mut Connection, id: i64, digest: String, sha256: Vec<u8>) -> Result<()> {
        let row = (mirror_files::mirror.eq(id), mirror_files::digest.eq(digest), mirror_files::sha256.eq(&sha256));
        let insert = diesel::insert_into(mirror_files::table).values(row);
        let insert = insert.on_conflict((mirror_files::mirror, mirror_files::digest));
        insert.do_update().set(mirror_files::sha256.eq(&sha256)).execute(c).await?;
        Ok(())
    }

    pub async fn drop_file(c: &mut Connection, id: i64, digest: String) -> Result<()> {
        diesel::delete(mirror_files::table.find((id, digest))).execute(c).await?;
        Ok(())
    }

    pub async fn find_refs(c: &mut Connection, id: i64) -> Result<Option<RefsRow>> {
        let found = mirrors::table.find(id).select((mirrors::refs, mirrors::refs_checked_at));
        Ok(found.first(c).await.optional()?)
    }

    pub async fn put_refs(c: &mut Connection, id: i64, refs: String, at: i64) -> Result<()> {
        let told = (mirrors::refs.eq(refs), mirrors::refs_checked_at.eq(at));
        diesel::update(mirrors::table.find(id)).set(told).execute(c).await?;
        Ok(())
    }
}

impl From<Row> for Mirror {
    fn from(row: Row) -> Self {
        Self { key: RepoKey(row.id), lease: LeaseId(row.lease), kept_until: Timestamp(row.kept_until) }
    }
}

/// What was said of a revision, as it stands in a row.
pub(crate) fn pin(mirror: RepoKey, (commit, about, checked_at, listing): PinRow) -> Result<MirrorPin> {
    Ok(MirrorPin {
        commit: rows::parse("mirror_revisions.commit_id", mirror.0, &commit)?,
        about,
        checked_at: Timestamp(checked_at),
        listing: sha256("mirror_commits.listing", mirror.0, &listing)?,
    })
}

fn sha256(column: &str, id: i64, bytes: &[u8]) -> Result<Sha256> {
    let digest = bytes.try_into().map(Sha256);
    digest.map_err(|_| Error::corrupt(format!("{column} of mirror {id}: {} bytes", bytes.len())))
}

impl Catalog {
    /// A mirror; none where there never was one, and one that is kept no longer until it is forgotten.
    pub async fn find_mirror(&self, name: &MirrorName) -> Result<Option<Mirror>> {
        let name = name.clone();
        Ok(read!(self.database, find(name))?.map(Mirror::from))
    }

    /// The address of a hub whose repository of this name is mirrored for everybody; none where none is.
    pub async fn find_mirrored(&self, kind: RepoKind, namespace: &str, name: &str) -> Result<Option<String>> {
        let (kind, namespace, name) = (kind.as_str().to_owned(), namespace.to_lowercase(), name.to_lowercase());
        read!(self.database, find_endpoint(kind, namespace, name))
    }

    /// What a mirror is called, by its key; none where there is none.
    pub async fn name_mirror(&self, mirror: RepoKey) -> Result<Option<MirrorName>> {
        let name = |row: Row| {
            Ok(MirrorName {
                kind: rows::parse("mirrors.kind", row.id, &row.kind)?,
                namespace: match row.namespace.as_str() {
                    "" => None,
                    namespace => Some(rows::parse("mirrors.namespace", row.id, namespace)?),
                },
                name: rows::parse("mirrors.name", row.id, &row.name)?,
                endpoint: row.endpoint,
            })
        };
        read!(self.database, find_name(mirror.0))?.map(name).transpose()
    }

    /// Keeps a mirror, unless there is one whose time is not over; answers the one that is there then.
    pub async fn put_mirror(&self, name: &MirrorName, mirror: Mirror, now: Timestamp) -> Result<Mirror> {
        let row = Row {
            id: mirror.key.0,
            endpoint: name.endpoint.clone(),
            kind: name.kind.as_str().to_owned(),
            namespace: name.namespace(),
            name: name.name.lower(),
            lease: mirror.lease.0,
            kept_until: mirror.kept_until.0,
        };
        let name = name.clone();
        Ok(transaction!(self.database, put(name, row, now.0))?.into())
    }

    /// Keeps a mirror until then, or longer.
    pub async fn keep_mirror(&self, mirror: RepoKey, until: Timestamp) -> Result<()> {
        write!(self.database, keep(mirror.0, until.0))
    }

    /// Forgets mirrors whose time is over; answers their leases, which are to be dropped.
    pub async fn forget_mirrors(&self, now: Timestamp) -> Result<Vec<LeaseId>> {
        Ok(transaction!(self.database, forget(now.0))?.into_iter().map(LeaseId).collect())
    }

    /// What was said last of a revision; none where nothing was, or is not to be repeated.
    pub async fn find_mirror_pin(&self, mirror: RepoKey, revision: &str) -> Result<Option<MirrorPin>> {
        let revision = revision.to_owned();
        let found = read!(self.database, find_pin(mirror.0, revision))?;
        found.map(|row| pin(mirror, row)).transpose()
    }

    /// The blob that lists all files of a commit; none where they are not known.
    pub async fn find_mirror_listing(&self, mirror: RepoKey, commit: CommitId) -> Result<Option<Sha256>> {
        let found = read!(self.database, find_listing(mirror.0, commit.to_string()))?;
        found.map(|bytes| sha256("mirror_commits.listing", mirror.0, &bytes)).transpose()
    }

    /// Keeps what was said of a revision.
    pub async fn pin_mirror(&self, mirror: RepoKey, new: NewMirrorPin) -> Result<()> {
        let NewMirrorPin { revision, pin } = new;
        let row = (pin.commit.to_string(), pin.about, pin.checked_at.0, pin.listing.0.to_vec());
        transaction!(self.database, put_pin(mirror.0, revision, row))
    }

    /// Nothing of a mirror is to be shown before the other hub is asked again. What has arrived stays.
    pub async fn close_mirror(&self, mirror: RepoKey) -> Result<()> {
        transaction!(self.database, close(mirror.0))
    }

    /// What a file that has arrived is called here, by what the other hub calls it.
    pub async fn find_mirror_file(&self, mirror: RepoKey, digest: &str) -> Result<Option<Sha256>> {
        let digest = digest.to_owned();
        let found = read!(self.database, find_file(mirror.0, digest))?;
        found.map(|bytes| sha256("mirror_files.sha256", mirror.0, &bytes)).transpose()
    }

    /// A file has arrived.
    pub async fn put_mirror_file(&self, mirror: RepoKey, digest: &str, file: Sha256) -> Result<()> {
        let digest = digest.to_owned();
        write!(self.database, put_file(mirror.0, digest, file.0.to_vec()))
    }

    /// A file is not there any more.
    pub async fn drop_mirror_file(&self, mirror: RepoKey, digest: &str) -> Result<()> {
        let digest = digest.to_owned();
        write!(self.database, drop_file(mirror.0, digest))
    }

    /// What was said last of the branches and tags, as JSON, and when; none where nothing was.
    pub async fn find_mirror_refs(&self, mirror: RepoKey) -> Result<Option<(String, Timestamp)>> {
        let found = read!(self.database, find_refs(mirror.0))?;
        Ok(found.and_then(|(refs, at)| Some((refs?, Timestamp(at)))))
    }

    /// Keeps what was said of the branches and tags.
    pub async fn put_mirror_refs(&self, mirror: RepoKey, refs: String, at: Timestamp) -> Result<()> {
        write!(self.database, put_refs(mirror.0, refs, at.0))
    }
}
