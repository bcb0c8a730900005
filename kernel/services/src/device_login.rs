//! Logins of programs that have no browser, by the one that their user has (RFC 8628): `hf auth login` shows a code, its
//! user types it into a page of the hub where they are logged in, and the program, which has been asking meanwhile, gets a
//! token. What it gets besides renews that token before it ends, once, and is renewed with it.
//!
//! Both codes and what renews are kept as keyed digests. A login waits a quarter of an hour; somebody who tries codes
//! that others see is stopped as somebody is who tries passwords.

use std::net::IpAddr;
use std::time::Duration;

use ballast_catalog::{DevicePoll, NewDeviceLogin, NewRefreshToken, Refreshed};
use ballast_contract::ErrorKind;
use ballast_contract::auth::{NewToken, Role};
use ballast_types::{Secret, UserKey};
use serde_json::json;

use crate::audit::{By, user_object};
use crate::random::{random_bytes, random_text};
use crate::{Caller, Failure, Hub, Result, User};

/// How long a login waits for its answer.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// How often the device may ask.
const EVERY: Duration = Duration::from_secs(5);
/// How long its token is good: clients renew it when less than a day is left.
const TOKEN: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long it can be renewed: who does not use it for so long logs in again.
const RENEWABLE: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// How long a login that is over is still told apart from one that never was.
const LINGER: Duration = Duration::from_secs(60 * 60);

/// Letters that are not taken for each other, and make no words.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// Letters of the code that is shown: 34 bits, which live for minutes.
const CODE: usize = 8;

/// A login that waits.
#[derive(Clone, Debug)]
pub struct DeviceLogin {
    /// What the device asks with.
    pub device_code: Secret,
    /// What it shows, as `BCDF-GHJK`.
    pub user_code: String,
    pub lifetime: Duration,
    /// How often it may ask.
    pub every: Duration,
}

/// What lets a device in.
#[derive(Clone, Debug)]
pub struct DeviceTokens {
    pub access: Secret,
    /// What renews it, once.
    pub refresh: Secret,
    /// Of the access token.
    pub lifetime: Duration,
}

/// What a device is told that asks.
#[derive(Clone, Debug)]
pub enum DeviceAnswer {
    Tokens(DeviceTokens),
    /// Nobody has answered.
    Pending,
    /// The same, and the device is to ask five seconds less often.
    TooSoon,
    /// The user does not let it in.
    Denied,
    /// It waited too long, was told already, or never began.
    Over,
}

impl Hub {
    /// Begins a login for a device. `TooManyAttempts` where too many come from the same address.
    pub async fn begin_device_login(&self, from: Option<IpAddr>) -> Result<DeviceLogin> {
        // Never taken back: each row counts.
        self.attempt_from("a device", from).await?;
        let (device_code, code) = (Secret::new(random_text()?), new_code()?);
        let now = self.now();
        let new = NewDeviceLogin {
            digest: self.0.tickets.digest("device", device_code.expose()),
            code: self.code_digest(&code),
            every: EVERY,
            created_at: now,
            expires_at: now.after(PATIENCE),
        };
        self.catalog().create_device_login(new).await?;
        let user_code = format!("{}-{}", &code[..CODE / 2], &code[CODE / 2..]);
        Ok(DeviceLogin { device_code, user_code, lifetime: PATIENCE, every: EVERY })
    }

    /// A code as somebody typed it, as it is shown, where a login waits under it; for who could answer it. `Invalid` where
    /// none waits.
    pub async fn device_login(&self, caller: &Caller, typed: &str, from: Option<IpAddr>) -> Result<String> {
        let known = caller.managing_credentials()?;
        let code = plain(typed);
        let attempt = self.attempt(&format!("device codes of user {}", known.user.key), from).await?;
        if !self.catalog().is_device_login_waiting(self.code_digest(&code), self.now()).await? {
            return Err(no_such_code());
        }
        attempt.succeeded().await?;
        // What waits was found by eight letters.
        Ok(format!("{}-{}", &code[..CODE / 2], &code[CODE / 2..]))
    }

    /// Lets the device that shows this code in as the caller, or refuses it; once. `Invalid` where none waits.
    pub async fn answer_device_login(
        &self,
        caller: &Caller,
        typed: &str,
        allow: bool,
        from: Option<IpAddr>,
    ) -> Result<()> {
        let known = caller.managing_credentials()?;
        let attempt = self.attempt(&format!("device codes of user {}", known.user.key), from).await?;
        let user = allow.then_some(known.user.key);
        if !self.catalog().answer_device_login(self.code_digest(&plain(typed)), user, self.now()).await? {
            return Err(no_such_code());
        }
        attempt.succeeded().await
    }

    /// What has become of a device's login.
    pub async fn poll_device_login(&self, device_code: &Secret) -> Result<DeviceAnswer> {
        let digest = self.0.tickets.digest("device", device_code.expose());
        match self.catalog().poll_device_login(digest, self.now()).await? {
            DevicePoll::Pending => Ok(DeviceAnswer::Pending),
            DevicePoll::TooSoon => Ok(DeviceAnswer::TooSoon),
            DevicePoll::Denied => Ok(DeviceAnswer::Denied),
            DevicePoll::Over => Ok(DeviceAnswer::Over),
            DevicePoll::Granted(user) => match self.active_user(user).await? {
                Some(user) => Ok(DeviceAnswer::Tokens(self.let_device_in(&user).await?)),
                None => Ok(DeviceAnswer::Denied),
            },
        }
    }

    /// A token for a device: it does with repositories what its user may, and manages no credentials.
    async fn let_device_in(&self, user: &User) -> Result<DeviceTokens> {
        let now = self.now();
        let new = NewToken {
            // As its client calls one that has no name.
            name: format!("oauth-{}", user.name),
            role: Role::Write,
            repositories: None,
            expires_at: Some(now.after(TOKEN)),
            value: None,
        };
        let (subject, credentials) = self.own_credentials(user).await?;
        let (info, access) = credentials.create_token(&subject, &new).await?;
        let details = json!({ "token": info.id, "name": info.name, "role": info.role, "device": true });
        self.put_on_record(By::User(user), "token.create", user_object(&user.name), details).await?;
        let refresh = Secret::new(random_text()?);
        let row = NewRefreshToken {
            digest: self.refresh_digest(&refresh),
            user: user.key,
            token: info.id,
            expires_at: now.after(RENEWABLE),
        };
        self.catalog().create_refresh_token(row).await?;
        Ok(DeviceTokens { access, refresh, lifetime: TOKEN })
    }

    /// Renews the token of a device. None where what was shown renews nothing (any more): it was used before, which ends
    /// the token too, or the token was revoked, or its user may not come in.
    pub async fn refresh_device_login(&self, shown: &Secret) -> Result<Option<DeviceTokens>> {
        let now = self.now();
        let refresh = Secret::new(random_text()?);
        let (old, new) = (self.refresh_digest(shown), self.refresh_digest(&refresh));
        match self.catalog().rotate_refresh_token(old, new, now, now.after(RENEWABLE)).await? {
            Refreshed::Unknown => Ok(None),
            Refreshed::Replayed { user, token } => {
                tracing::warn!(%user, token, "what renews a token was shown twice: its login is ended");
                self.end_token(user, token).await?;
                Ok(None)
            }
            Refreshed::Renews { user, token } => {
                let Some(user) = self.active_user(user).await? else { return Ok(None) };
                let (subject, credentials) = self.own_credentials(&user).await?;
                match credentials.renew_token(&subject, token, Some(now.after(TOKEN))).await {
                    Ok(access) => Ok(Some(DeviceTokens { access, refresh, lifetime: TOKEN })),
                    Err(error) if error.is(ErrorKind::NotFound) => {
                        self.catalog().delete_refresh_token(new).await?;
                        Ok(None)
                    }
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    async fn end_token(&self, user: UserKey, token: i64) -> Result<()> {
        let user = self.catalog().get_user(user).await?;
        let (subject, credentials) = self.own_credentials(&user).await?;
        match credentials.revoke_token(&subject, token).await {
            Err(error) if error.is(ErrorKind::NotFound) => return Ok(()),
            revoked => revoked?,
        }
        let details = json!({ "token": token, "renewed_twice": true });
        self.put_on_record(By::Nobody, "token.revoke", user_object(&user.name), details).await
    }

    async fn active_user(&self, key: UserKey) -> Result<Option<User>> {
        let user = self.catalog().get_user(key).await?;
        Ok(user.active.then_some(user))
    }

    fn code_digest(&self, code: &str) -> [u8; 32] {
        self.0.tickets.digest("device code", code)
    }

    fn refresh_digest(&self, token: &Secret) -> [u8; 32] {
        self.0.tickets.digest("refresh", token.expose())
    }

    /// Removes logins of devices that nobody can answer, and refresh tokens that renew nothing any more.
    pub async fn sweep_device_logins(&self) -> Result<usize> {
        let logins = self.catalog().sweep_device_logins(self.now().before(LINGER)).await?;
        Ok(logins + self.catalog().sweep_refresh_tokens(self.now()).await?)
    }
}

fn no_such_code() -> Failure {
    Failure::Invalid("No device waits under this code: look at it once more, or begin again on the device".to_owned())
}

/// A code without what people put between its letters, in capitals.
fn plain(typed: &str) -> String {
    typed.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

fn new_code() -> Result<String> {
    let mut code = String::with_capacity(CODE);
    while code.len() < CODE {
        // Bytes beyond the last whole twenty are thrown away: they would favour the first letters.
        let fair = random_bytes::<16>()?.into_iter().filter(|byte| *byte < 240);
        let letters = fair.map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
        code.extend(letters.take(CODE - code.len()));
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_eight_letters_that_are_read_back_however_they_are_typed() {
        let code = new_code().unwrap();
        assert!(code.len() == CODE && code.bytes().all(|letter| LETTERS.contains(&letter)), "{code}");
        assert_ne!(code, new_code().unwrap());
        assert_eq!(plain(&format!(" {}-{} ", &code[..4].to_lowercase(), &code[4..])), code);
        assert_eq!(plain("\u{0}ü-\u{1F600}"), "");
    }
}
