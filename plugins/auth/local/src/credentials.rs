//! Making, changing and ending what the instance keeps.

use async_trait::async_trait;
use ballast_contract::auth::{Credentials, Identity, NewSshKey, NewToken, SessionInfo, SshKeyInfo, TokenInfo};
use ballast_contract::{Error, ErrorKind, Page, Result};
use ballast_database::{self as database, for_both, read, transaction, write};
use ballast_types::{Secret, Timestamp};
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;

use crate::Local;
use crate::digest::{new_session, new_token};
use crate::failure::during;
use crate::password::Verdict;
use crate::rows::{NewTokenRow, PasswordRow, TokenRow, local_passwords, local_sessions, local_ssh_keys, local_tokens};
use crate::uses::Used;

/// The shortest value that an owner may give a token, in characters.
const SHORTEST_TOKEN: usize = 8;
/// The longest page of tokens or sessions.
const LONGEST_PAGE: usize = 1000;

#[async_trait]
impl Credentials for Local {
    async fn set_password(&self, subject: &str, password: Option<&Secret>) -> Result<()> {
        let hash = match password {
            Some(password) => Some(self.passwords.hash(password).await?),
            None => None,
        };
        let set = transaction!(self.ending(), set_password(subject.to_owned(), hash));
        set.map_err(during("auth.set_password"))
    }

    async fn check_password(&self, subject: Option<&str>, password: &Secret) -> Result<Option<Identity>> {
        let failed = during("auth.check_password");
        // Asked for nobody, the database is asked all the same: it is part of the work.
        let subject = subject.unwrap_or_default().to_owned();
        let row = read!(self.database, find_password(subject.clone())).map_err(&failed)?;
        let stored = row.as_ref().map(|row| row.hash.clone());
        match self.passwords.check(stored, password).await? {
            Verdict::Wrong => return Ok(None),
            Verdict::Right => {}
            Verdict::Renewed(new) => {
                let old = row.as_ref().map(|row| row.hash.clone()).unwrap_or_default();
                let () = write!(self.database, renew_password(old, subject, new)).map_err(&failed)?;
            }
        }
        Ok(row.map(PasswordRow::known).map(|known| known.identity))
    }

    async fn create_token(&self, subject: &str, token: &NewToken) -> Result<(TokenInfo, Secret)> {
        const OPERATION: &str = "auth.create_token";
        let value = match &token.value {
            Some(given) => checked(given).map_err(|why| Error::new(ErrorKind::Invalid, OPERATION, why))?.clone(),
            None => new_token()?,
        };
        let row = NewTokenRow {
            subject: subject.to_owned(),
            name: token.name.clone(),
            digest: self.digester()?.token(&value).to_vec(),
            role: token.role.as_str().to_owned(),
            repositories: token.repositories.as_ref().map(|keys| serde_json::json!(keys).to_string()),
            created_at: Timestamp::now().0,
            expires_at: token.expires_at.map(|moment| moment.0),
        };
        // A value that was there already may now reach less far than a moment ago.
        let put = write!(self.ending(), put_token(row));
        let info = put.map_err(during(OPERATION))?.ok_or_else(|| {
            let context = format!("the value given for token '{}' is that of another token; give another", token.name);
            Error::new(ErrorKind::AlreadyExists, OPERATION, context)
        })?;
        Ok((info, value))
    }

    async fn tokens(&self, subject: &str, after: Option<String>, limit: usize) -> Result<Page<TokenInfo>> {
        const OPERATION: &str = "auth.tokens";
        let after = after.map(|id| id.parse::<i64>()).transpose();
        let after =
            after.map_err(|_| Error::new(ErrorKind::Invalid, OPERATION, "this page of tokens does not exist"))?;
        let limit = limit.clamp(1, LONGEST_PAGE);
        // One more than asked for tells whether there is a next page.
        let noted = self.uses.noted();
        let rows = read!(self.database, tokens(subject.to_owned(), after.unwrap_or(0), limit as i64 + 1));
        let mut items: Vec<TokenInfo> = rows.map_err(during(OPERATION))?;
        let more = items.len() > limit;
        items.truncate(limit);
        for token in &mut items {
            token.last_used = noted.or(Used::Token(token.id), token.last_used);
        }
        let next = items.last().filter(|_| more).map(|token| token.id.to_string());
        Ok(Page { items, next })
    }

    async fn renew_token(&self, subject: &str, id: i64, expires_at: Option<Timestamp>) -> Result<Secret> {
        const OPERATION: &str = "auth.renew_token";
        let value = new_token()?;
        let (digest, end) = (self.digester()?.token(&value).to_vec(), expires_at.map(|moment| moment.0));
        let renewed = write!(self.ending(), renew_token(subject.to_owned(), id, digest, end));
        match renewed.map_err(during(OPERATION))? {
            true => Ok(value),
            false => Err(no_token(OPERATION, id)),
        }
    }

    async fn revoke_token(&self, subject: &str, id: i64) -> Result<()> {
        const OPERATION: &str = "auth.revoke_token";
        let deleted = write!(self.ending(), delete_token(subject.to_owned(), id));
        deleted.map_err(during(OPERATION))?.then_some(()).ok_or_else(|| no_token(OPERATION, id))
    }

    async fn open_session(&self, subject: &str, expires_at: Timestamp) -> Result<Secret> {
        let id = new_session()?;
        let digest = self.digester()?.session(&id).to_vec();
        let now = Timestamp::now();
        let opened = write!(self.database, open_session(subject.to_owned(), digest, expires_at.0, now.0));
        opened.map_err(during("auth.open_session"))?;
        Ok(id)
    }

    async fn sessions(&self, subject: &str, after: Option<String>, limit: usize) -> Result<Page<SessionInfo>> {
        const OPERATION: &str = "auth.sessions";
        let after = after.map(|id| id.parse::<i64>()).transpose();
        let after =
            after.map_err(|_| Error::new(ErrorKind::Invalid, OPERATION, "this page of sessions does not exist"))?;
        let limit = limit.clamp(1, LONGEST_PAGE);
        let (now, more) = (Timestamp::now().0, limit as i64 + 1);
        let rows = read!(self.database, sessions(subject.to_owned(), now, after.unwrap_or(0), more));
        let mut items: Vec<SessionInfo> = rows.map_err(during(OPERATION))?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|session| session.id.to_string());
        Ok(Page { items, next })
    }

    async fn revoke_session(&self, subject: &str, id: i64) -> Result<()> {
        const OPERATION: &str = "auth.revoke_session";
        let deleted = write!(self.ending(), delete_session(subject.to_owned(), id));
        let missing = || Error::new(ErrorKind::NotFound, OPERATION, format!("there is no session {id} of this user"));
        deleted.map_err(during(OPERATION))?.then_some(()).ok_or_else(missing)
    }

    async fn revoke_tokens(&self, subject: &str) -> Result<()> {
        let revoked = write!(self.ending(), delete_tokens(subject.to_owned()));
        revoked.map_err(during("auth.revoke_tokens"))
    }

    async fn close_session(&self, session: &Secret) -> Result<()> {
        let closed = write!(self.ending(), close_session(self.digester()?.session(session).to_vec()));
        closed.map_err(during("auth.close_session"))
    }

    async fn close_sessions(&self, subject: &str) -> Result<()> {
        let closed = write!(self.ending(), close_sessions(subject.to_owned()));
        closed.map_err(during("auth.close_sessions"))
    }

    async fn add_ssh_key(&self, subject: &str, key: &NewSshKey) -> Result<SshKeyInfo> {
        self.put_ssh_key(subject, key).await
    }

    async fn ssh_keys(&self, subject: &str, after: Option<String>, limit: usize) -> Result<Page<SshKeyInfo>> {
        self.list_ssh_keys(subject, after, limit).await
    }

    async fn ssh_key(&self, subject: &str, id: i64) -> Result<SshKeyInfo> {
        self.get_ssh_key(subject, id).await
    }

    async fn remove_ssh_key(&self, subject: &str, id: i64) -> Result<()> {
        self.delete_ssh_key(subject, id).await
    }

    async fn forget(&self, subject: &str) -> Result<()> {
        let forgotten = transaction!(self.ending(), forget(subject.to_owned()));
        forgotten.map_err(during("auth.forget"))
    }
}

fn no_token(operation: &'static str, id: i64) -> Error {
    Error::new(ErrorKind::NotFound, operation, format!("there is no token {id} of this user"))
}

fn checked(value: &Secret) -> std::result::Result<&Secret, String> {
    let text = value.expose();
    if text.chars().any(char::is_control) {
        return Err("a token's value may hold printable characters only".to_owned());
    }
    let length = text.chars().count();
    if length < SHORTEST_TOKEN {
        return Err(format!("a token's value has {length} characters; it needs {SHORTEST_TOKEN} at least"));
    }
    Ok(value)
}

for_both! {
    pub async fn find_password(c: &mut Connection, subject: String) -> database::Result<Option<PasswordRow>> {
        let row = local_passwords::table.filter(local_passwords::subject.eq(subject)).first(c).await;
        Ok(row.optional()?)
    }

    /// Replaces or removes a password and ends its sessions.
    pub async fn set_password(c: &mut Connection, subject: String, hash: Option<String>) -> database::Result<()> {
        diesel::delete(local_passwords::table.filter(local_passwords::subject.eq(&subject))).execute(c).await?;
        if let Some(hash) = hash {
            let row = (local_passwords::subject.eq(&subject), local_passwords::hash.eq(&hash));
            // Two changes at the same time: the later one stands, as if they had come one after the other.
            let insert = diesel::insert_into(local_passwords::table).values(row);
            let insert = insert.on_conflict(local_passwords::subject).do_update();
            insert.set(local_passwords::hash.eq(&hash)).execute(c).await?;
        }
        close_sessions(c, subject).await
    }

    /// Puts a hash of the same password in the place of another; nothing where that has gone.
    pub async fn renew_password(
        c: &mut Connection, old: String, subject: String, new: String,
    ) -> database::Result<()> {
        let row = local_passwords::table.filter(local_passwords::subject.eq(subject));
        let row = row.filter(local_passwords::hash.eq(old));
        diesel::update(row).set(local_passwords::hash.eq(new)).execute(c).await?;
        Ok(())
    }

    /// Writes a token. None where its value is that of a token with another subject or name.
    pub async fn put_token(c: &mut Connection, row: NewTokenRow) -> database::Result<Option<TokenInfo>> {
        use local_tokens::{digest, expires_at, name, repositories, role, subject, table};
        let insert = diesel::insert_into(table).values(row).on_conflict(digest).do_update().set((
            role.eq(excluded(role)),
            repositories.eq(excluded(repositories)),
            expires_at.eq(excluded(expires_at)),
        ));
        // `insert.filter`, which the prelude's own `filter` hides.
        let own = subject.eq(excluded(subject)).and(name.eq(excluded(name)));
        let same = diesel::query_dsl::methods::FilterDsl::filter(insert, own);
        let row: Option<TokenRow> = same.returning(TokenRow::as_returning()).get_result(c).await.optional()?;
        row.map(|row| row.info()).transpose()
    }

    pub async fn renew_token(
        c: &mut Connection, of: String, id: i64, value: Vec<u8>, end: Option<i64>,
    ) -> database::Result<bool> {
        use local_tokens::{digest, expires_at, subject, table};
        let row = table.find(id).filter(subject.eq(of));
        Ok(diesel::update(row).set((digest.eq(value), expires_at.eq(end))).execute(c).await? > 0)
    }

    pub async fn tokens(c: &mut Connection, of: String, after: i64, limit: i64) -> database::Result<Vec<TokenInfo>> {
        let rows = local_tokens::table.filter(local_tokens::subject.eq(of)).filter(local_tokens::id.gt(after));
        let rows = rows.order(local_tokens::id).limit(limit).select(TokenRow::as_select());
        let rows: Vec<TokenRow> = rows.load(c).await?;
        rows.iter().map(TokenRow::info).collect()
    }

    /// Whether there was such a token.
    pub async fn delete_token(c: &mut Connection, subject: String, id: i64) -> database::Result<bool> {
        let row = local_tokens::table.find(id).filter(local_tokens::subject.eq(subject));
        Ok(diesel::delete(row).execute(c).await? > 0)
    }

    pub async fn delete_tokens(c: &mut Connection, subject: String) -> database::Result<()> {
        diesel::delete(local_tokens::table.filter(local_tokens::subject.eq(subject))).execute(c).await?;
        Ok(())
    }

    pub async fn sessions(c: &mut Connection, of: String, now: i64, after: i64, limit: i64)
        -> database::Result<Vec<SessionInfo>> {
        let rows = local_sessions::table.filter(local_sessions::subject.eq(of)).filter(local_sessions::id.gt(after));
        let rows = rows.filter(local_sessions::expires_at.gt(now)).order(local_sessions::id).limit(limit);
        let columns = (local_sessions::id, local_sessions::created_at, local_sessions::expires_at);
        let rows: Vec<(i64, Option<i64>, i64)> = rows.select(columns).load(c).await?;
        let session = |(id, created_at, expires_at): (i64, Option<i64>, i64)| SessionInfo {
            id,
            created_at: created_at.map(Timestamp),
            expires_at: Timestamp(expires_at),
        };
        Ok(rows.into_iter().map(session).collect())
    }

    /// Whether there was such a session.
    pub async fn delete_session(c: &mut Connection, subject: String, id: i64) -> database::Result<bool> {
        let row = local_sessions::table.find(id).filter(local_sessions::subject.eq(subject));
        Ok(diesel::delete(row).execute(c).await? > 0)
    }

    pub async fn open_session(
        c: &mut Connection, subject: String, digest: Vec<u8>, expires_at: i64, created_at: i64,
    ) -> database::Result<()> {
        let row = (
            local_sessions::subject.eq(subject),
            local_sessions::digest.eq(digest),
            local_sessions::expires_at.eq(expires_at),
            local_sessions::created_at.eq(created_at),
        );
        diesel::insert_into(local_sessions::table).values(row).execute(c).await?;
        Ok(())
    }

    pub async fn close_session(c: &mut Connection, digest: Vec<u8>) -> database::Result<()> {
        diesel::delete(local_sessions::table.filter(local_sessions::digest.eq(digest))).execute(c).await?;
        Ok(())
    }

    pub async fn close_sessions(c: &mut Connection, subject: String) -> database::Result<()> {
        diesel::delete(local_sessions::table.filter(local_sessions::subject.eq(subject))).execute(c).await?;
        Ok(())
    }

    pub async fn forget(c: &mut Connection, subject: String) -> database::Result<()> {
        diesel::delete(local_passwords::table.filter(local_passwords::subject.eq(&subject))).execute(c).await?;
        diesel::delete(local_tokens::table.filter(local_tokens::subject.eq(&subject))).execute(c).await?;
        diesel::delete(local_ssh_keys::table.filter(local_ssh_keys::subject.eq(&subject))).execute(c).await?;
        close_sessions(c, subject).await
    }
}
