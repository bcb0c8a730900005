//! Names that stand alone at other hubs, and what those have under them.

use ballast_database::{Error, Result, for_both, read, write};
use ballast_types::{RepoId, Timestamp};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::tables::mirror_redirects;
use crate::{Catalog, MirrorName};

/// The address of a hub, a kind, and a name that stands alone.
type RedirectKey = (String, String, String);

for_both! {
    pub async fn find_redirect(c: &mut Connection, endpoint: String, kind: String, name: String) -> Result<Option<(String, i64)>> {
        let found = mirror_redirects::table.find((name, kind, endpoint));
        let led = (mirror_redirects::repo, mirror_redirects::checked_at);
        Ok(found.select(led).first(c).await.optional()?)
    }

    pub async fn put_redirect(c: &mut Connection, from: RedirectKey, repo: String, at: i64) -> Result<()> {
        let (endpoint, kind, name) = from;
        let led = (mirror_redirects::repo.eq(repo), mirror_redirects::checked_at.eq(at));
        let row = (
            mirror_redirects::name.eq(name), mirror_redirects::kind.eq(kind), mirror_redirects::endpoint.eq(endpoint),
            led.clone(),
        );
        let key = (mirror_redirects::name, mirror_redirects::kind, mirror_redirects::endpoint);
        let insert = diesel::insert_into(mirror_redirects::table).values(row).on_conflict(key);
        insert.do_update().set(led).execute(c).await?;
        Ok(())
    }

    pub async fn drop_redirect(c: &mut Connection, from: RedirectKey) -> Result<()> {
        let (endpoint, kind, name) = from;
        diesel::delete(mirror_redirects::table.find((name, kind, endpoint))).execute(c).await?;
        Ok(())
    }
}

fn redirect_key(from: &MirrorName) -> RedirectKey {
    (from.endpoint.clone(), from.kind.as_str().to_owned(), from.name.lower())
}

impl Catalog {
    /// Which repository the other hub has under a name that stands alone, and when it said so; none where it never did.
    pub async fn find_mirror_redirect(&self, from: &MirrorName) -> Result<Option<(RepoId, Timestamp)>> {
        let (endpoint, kind, name) = redirect_key(from);
        let found = read!(self.database, find_redirect(endpoint, kind, name))?;
        let led = |(repo, at): (String, i64)| {
            let broken = || Error::corrupt(format!("mirror_redirects.repo of '{}': '{repo}'", from.name));
            let (namespace, name) = repo.split_once('/').ok_or_else(broken)?;
            let (namespace, name) = (namespace.parse().map_err(|_| broken())?, name.parse().map_err(|_| broken())?);
            Ok((RepoId { namespace, name }, Timestamp(at)))
        };
        found.map(led).transpose()
    }

    /// The other hub has that repository under a name that stands alone.
    pub async fn put_mirror_redirect(&self, from: &MirrorName, to: &RepoId, at: Timestamp) -> Result<()> {
        write!(self.database, put_redirect(redirect_key(from), to.to_string(), at.0))
    }

    /// It has none any more.
    pub async fn drop_mirror_redirect(&self, from: &MirrorName) -> Result<()> {
        write!(self.database, drop_redirect(redirect_key(from)))
    }
}
