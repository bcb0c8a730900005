//! Public keys: who comes in by which.

use ballast_contract::auth::{CredentialInfo, CredentialKind, NewSshKey, Role, SshKeyInfo};
use ballast_contract::{Error, ErrorKind, Page, Result};
use ballast_database::{self as database, for_both, read, write};
use ballast_types::Timestamp;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Local;
use crate::failure::during;
use crate::rows::{Known, identity, local_ssh_keys};
use crate::uses::{Noted, Used};

/// A key's row as it is written.
#[derive(Insertable, Clone)]
#[diesel(table_name = local_ssh_keys)]
struct NewRow {
    subject: String,
    title: String,
    key_type: String,
    public_key: String,
    fingerprint: String,
    login: bool,
    created_at: i64,
}

/// A key's row as it is read.
#[derive(Queryable, Selectable)]
#[diesel(table_name = local_ssh_keys)]
pub(crate) struct SshKeyRow {
    id: i64,
    subject: String,
    title: String,
    key_type: String,
    fingerprint: String,
    login: bool,
    created_at: i64,
    last_used: Option<i64>,
}

impl SshKeyRow {
    /// As it proves who is calling: it reads and writes repositories, and manages no credentials. None where it lets
    /// nobody in.
    pub(crate) fn known(self) -> Option<Known> {
        let (kind, id) = (CredentialKind::SshKey, format!("ssh_key:{}", self.id));
        let credential = CredentialInfo { kind, id, name: self.title, role: Role::Write, repositories: None };
        let known =
            Known { identity: identity(self.subject, credential), expires_at: None, used: Some(Used::SshKey(self.id)) };
        self.login.then_some(known)
    }

    fn info(self) -> SshKeyInfo {
        SshKeyInfo {
            id: self.id,
            title: self.title,
            key_type: self.key_type,
            fingerprint: self.fingerprint,
            login: self.login,
            created_at: Timestamp(self.created_at),
            last_used: self.last_used.map(Timestamp),
        }
    }
}

const LONGEST_PAGE: usize = 1000;

impl Local {
    pub(crate) async fn put_ssh_key(&self, subject: &str, key: &NewSshKey) -> Result<SshKeyInfo> {
        const OPERATION: &str = "auth.add_ssh_key";
        let row = NewRow {
            subject: subject.to_owned(),
            title: key.title.clone(),
            key_type: key.key_type.clone(),
            public_key: key.public_key.clone(),
            fingerprint: key.fingerprint.clone(),
            login: key.login,
            created_at: Timestamp::now().0,
        };
        write!(self.database, add(row)).map(SshKeyRow::info).map_err(|error| match error {
            database::Error::Exists { .. } => {
                let context = "this key is known already: a key belongs to one user, who may have it once";
                Error::new(ErrorKind::AlreadyExists, OPERATION, context)
            }
            other => during(OPERATION)(other),
        })
    }

    pub(crate) async fn list_ssh_keys(
        &self,
        subject: &str,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<SshKeyInfo>> {
        const OPERATION: &str = "auth.ssh_keys";
        let odd = |_| Error::new(ErrorKind::Invalid, OPERATION, "this page of keys does not exist");
        let after = after.map(|id| id.parse::<i64>()).transpose().map_err(odd)?;
        let limit = limit.clamp(1, LONGEST_PAGE);
        // One more than asked for tells whether there is a next page.
        let noted = self.uses.noted();
        let rows = read!(self.database, list(subject.to_owned(), after.unwrap_or(0), limit as i64 + 1));
        let rows: Vec<SshKeyRow> = rows.map_err(during(OPERATION))?;
        let mut items: Vec<SshKeyInfo> = rows.into_iter().map(|row| seen(row, &noted)).collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|key| key.id.to_string());
        Ok(Page { items, next })
    }

    pub(crate) async fn get_ssh_key(&self, subject: &str, id: i64) -> Result<SshKeyInfo> {
        const OPERATION: &str = "auth.ssh_key";
        let noted = self.uses.noted();
        let row = read!(self.database, of_subject(subject.to_owned(), id)).map_err(during(OPERATION))?;
        row.map(|row| seen(row, &noted)).ok_or_else(|| missing(OPERATION, id))
    }

    pub(crate) async fn delete_ssh_key(&self, subject: &str, id: i64) -> Result<()> {
        const OPERATION: &str = "auth.remove_ssh_key";
        let removed = write!(self.ending(), remove(subject.to_owned(), id)).map_err(during(OPERATION))?;
        removed.then_some(()).ok_or_else(|| missing(OPERATION, id))
    }
}

/// With the last use as this node knows it.
fn seen(row: SshKeyRow, noted: &Noted) -> SshKeyInfo {
    let mut info = row.info();
    info.last_used = noted.or(Used::SshKey(info.id), info.last_used);
    info
}

fn missing(operation: &'static str, id: i64) -> Error {
    Error::new(ErrorKind::NotFound, operation, format!("there is no SSH key {id} of this user"))
}

for_both! {
    pub async fn add(c: &mut Connection, row: NewRow) -> database::Result<SshKeyRow> {
        let insert = diesel::insert_into(local_ssh_keys::table).values(row);
        Ok(insert.returning(SshKeyRow::as_returning()).get_result(c).await?)
    }

    pub async fn list(c: &mut Connection, of: String, after: i64, limit: i64) -> database::Result<Vec<SshKeyRow>> {
        let rows = local_ssh_keys::table.filter(local_ssh_keys::subject.eq(of)).filter(local_ssh_keys::id.gt(after));
        Ok(rows.order(local_ssh_keys::id).limit(limit).select(SshKeyRow::as_select()).load(c).await?)
    }

    pub async fn of_subject(c: &mut Connection, of: String, id: i64) -> database::Result<Option<SshKeyRow>> {
        let row = local_ssh_keys::table.find(id).filter(local_ssh_keys::subject.eq(of));
        Ok(row.select(SshKeyRow::as_select()).first(c).await.optional()?)
    }

    pub async fn remove(c: &mut Connection, of: String, id: i64) -> database::Result<bool> {
        let row = local_ssh_keys::table.find(id).filter(local_ssh_keys::subject.eq(of));
        Ok(diesel::delete(row).execute(c).await? > 0)
    }
}
