//! `auth.local`: passwords, tokens, sessions and public keys in the hub's own database.
//!
//! A token or session is a random value of which only a keyed digest is stored (`digest`), so that a request is
//! checked by one indexed read, or by none while the answer is still known. A password is an Argon2id hash,
//! made and checked off the serving threads and a few at a time (`password`). When a token was last used is noted in
//! memory and written once a minute (`uses`).
//!
//! Ids of credentials are `token:N`, `session:N`, `password:N` and `ssh_key:N`; a changed password has a new number. A
//! session and a password reach as far as their user does (role `admin`, no scope), a public key does with repositories
//! what its user may (role `write`), and a token reaches as far as its row says.

mod config;
mod credentials;
mod digest;
mod failure;
mod password;
mod rows;
mod ssh_keys;
mod uses;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use ballast_contract::auth::{Auth, Credential, Credentials, Identity};
use ballast_contract::{Component, Error, ErrorKind, Health, Result};
use ballast_database::{self as database, Database, Error as DatabaseError, Migrations, Recent, for_both, read, write};
use ballast_types::Timestamp;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

pub use config::LocalConfig;
use digest::{Digester, KEY_BYTES, random};
use failure::during;
use password::Passwords;
use rows::{
    Handle, Known, PasswordRow, TokenRow, local_passwords, local_secret, local_sessions, local_ssh_keys, local_tokens,
    session,
};
use ssh_keys::SshKeyRow;
use uses::Uses;

/// Credentials that are kept in memory; some 400 bytes each.
const REMEMBERED: u64 = 50_000;

/// The instance.
pub struct Local {
    database: Database,
    passwords: Passwords,
    recent: Recent<Handle, Arc<Known>>,
    uses: Uses,
    /// Read when the instance starts.
    digester: OnceLock<Digester>,
}

/// An instance over a database; nothing is read or written before it starts. `Invalid` where the configuration makes
/// no sense.
pub async fn open(config: LocalConfig, database: Database) -> Result<Local> {
    Ok(Local {
        passwords: Passwords::new(&config)?,
        recent: Recent::new(&database, REMEMBERED, Duration::from_secs(config.cache_seconds.into())),
        uses: Uses::new(database.clone()),
        digester: OnceLock::new(),
        database,
    })
}

/// Its tables.
pub fn migrations() -> Migrations {
    ballast_database::migrations!()
}

impl Local {
    fn digester(&self) -> Result<&Digester> {
        let missing = || Error::new(ErrorKind::Unavailable, "auth.digest", "auth.local is not started");
        self.digester.get().ok_or_else(missing)
    }

    /// The database, for a write that may end a credential or lower what it may do.
    fn ending(&self) -> Database {
        self.database.outdating(self.recent.all())
    }

    /// The credential behind a handle, whether or not its time is over.
    async fn find(&self, handle: Handle) -> Result<Option<Arc<Known>>> {
        if let Some(known) = self.recent.get(&handle) {
            return Ok(Some(known));
        }
        let mark = self.recent.mark(&handle);
        let found = read!(self.database, find(handle.clone())).map_err(during("auth.find"))?;
        let known = found.map(Arc::new);
        if let Some(known) = &known {
            self.recent.put(handle, Arc::clone(known), mark);
        }
        Ok(known)
    }
}

#[async_trait]
impl Component for Local {
    /// Migrates, and reads the key of the digests or makes one.
    async fn start(&self) -> Result<()> {
        let failed = during("auth.start");
        self.database.migrate(migrations()).await.map_err(&failed)?;
        let new = random::<KEY_BYTES>()?.to_vec();
        let secret = write!(self.database, secret(new)).map_err(&failed)?;
        let corrupt = |_| failed(DatabaseError::corrupt("local_secret.secret has another length"));
        let key: [u8; KEY_BYTES] = secret.try_into().map_err(corrupt)?;
        self.digester.get_or_init(|| Digester::new(&key));
        self.uses.start();
        Ok(())
    }

    async fn health(&self) -> Health {
        match self.database.ping().await {
            Ok(()) => Health::Ready,
            Err(error) => Health::Unavailable(error.to_string()),
        }
    }

    async fn stop(&self) {
        self.uses.stop().await;
    }
}

#[async_trait]
impl Auth for Local {
    async fn authenticate(&self, credential: &Credential) -> Result<Option<Identity>> {
        let handle = match credential {
            // Git sends whatever user name it was told; the token alone says whose it is.
            Credential::Bearer { token } | Credential::Basic { secret: token, .. } => {
                Handle::Token(self.digester()?.token(token))
            }
            Credential::Session { id } => Handle::Session(self.digester()?.session(id)),
            Credential::SshKey { fingerprint } => Handle::SshKey(fingerprint.clone()),
        };
        let Some(known) = self.find(handle).await? else { return Ok(None) };
        let now = Timestamp::now();
        if known.is_over(now) {
            let context = format!("the credential '{}' has expired", known.identity.credential.name);
            return Err(Error::new(ErrorKind::Unauthenticated, "auth.authenticate", context));
        }
        if let Some(used) = known.used {
            self.uses.note(used, now);
        }
        Ok(Some(known.identity.clone()))
    }

    async fn is_valid(&self, credential: &str) -> Result<bool> {
        let Some(handle) = Handle::of_id(credential) else { return Ok(false) };
        Ok(self.find(handle).await?.is_some_and(|known| !known.is_over(Timestamp::now())))
    }

    fn credentials(&self) -> Option<&dyn Credentials> {
        Some(self)
    }
}

for_both! {
    /// The secret of the store: the given one where it has none yet.
    pub async fn secret(c: &mut Connection, new: Vec<u8>) -> database::Result<Vec<u8>> {
        let row = (local_secret::id.eq(1), local_secret::secret.eq(new));
        diesel::insert_into(local_secret::table).values(row).on_conflict_do_nothing().execute(c).await?;
        Ok(local_secret::table.find(1).select(local_secret::secret).first(c).await?)
    }

    pub async fn find(c: &mut Connection, handle: Handle) -> database::Result<Option<Known>> {
        let token = match handle {
            Handle::Token(digest) => {
                let tokens = local_tokens::table.filter(local_tokens::digest.eq(digest.to_vec()));
                tokens.select(TokenRow::as_select()).first(c).await.optional()?
            }
            Handle::TokenId(id) => {
                local_tokens::table.find(id).select(TokenRow::as_select()).first(c).await.optional()?
            }
            Handle::PasswordId(id) => {
                let row: Option<PasswordRow> = local_passwords::table.find(id).first(c).await.optional()?;
                return Ok(row.map(PasswordRow::known));
            }
            Handle::Session(digest) => {
                let sessions = local_sessions::table.filter(local_sessions::digest.eq(digest.to_vec()));
                return Ok(session(sessions.first(c).await.optional()?));
            }
            Handle::SshKey(fingerprint) => {
                let keys = local_ssh_keys::table.filter(local_ssh_keys::fingerprint.eq(fingerprint));
                let row: Option<SshKeyRow> = keys.select(SshKeyRow::as_select()).first(c).await.optional()?;
                return Ok(row.and_then(SshKeyRow::known));
            }
            Handle::SshKeyId(id) => {
                let key = local_ssh_keys::table.find(id).select(SshKeyRow::as_select());
                let row: Option<SshKeyRow> = key.first(c).await.optional()?;
                return Ok(row.and_then(SshKeyRow::known));
            }
            Handle::SessionId(id) => {
                return Ok(session(local_sessions::table.find(id).first(c).await.optional()?));
            }
        };
        token.map(TokenRow::known).transpose()
    }
}
