//! Logins of devices that have no browser: each waits here under the digests of its two codes, until somebody has answered
//! it and the device has asked what the answer is.

use std::time::Duration;

use ballast_database::{Result, for_both, read, transaction, write};
use ballast_types::{Timestamp, UserKey};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Catalog;
use crate::tables::device_logins;

/// A login that is about to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDeviceLogin {
    /// Of the code that the device asks with.
    pub digest: [u8; 32],
    /// Of the code that it shows.
    pub code: [u8; 32],
    /// How often the device may ask.
    pub every: Duration,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// What a device is told that asks for its answer. The last three end the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DevicePoll {
    /// Nobody has answered.
    Pending,
    /// The same, and the device asks too often: it has to wait five seconds longer from now on.
    TooSoon,
    Granted(UserKey),
    Denied,
    /// Nobody has answered in time, or there is no such login (any more).
    Over,
}

/// How much longer a device has to wait that asked too soon, in milliseconds (RFC 8628, 3.5).
const LONGER: i64 = 5000;

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

type Row = (Option<i64>, bool, i64, i64, i64);

for_both! {
    pub async fn add(c: &mut Connection, new: NewDeviceLogin) -> Result<()> {
        use device_logins::{code, denied, digest, every, expires_at, next_at, table};
        let row = (
            digest.eq(new.digest.to_vec()),
            code.eq(new.code.to_vec()),
            denied.eq(false),
            every.eq(milliseconds(new.every)),
            next_at.eq(new.created_at.0),
            expires_at.eq(new.expires_at.0),
        );
        diesel::insert_into(table).values(row).execute(c).await?;
        Ok(())
    }

    pub async fn is_waiting(c: &mut Connection, of: Vec<u8>, now: i64) -> Result<bool> {
        use device_logins::{code, denied, digest, expires_at, table, user_id};
        let waiting = table.filter(code.eq(of)).filter(expires_at.gt(now)).filter(user_id.is_null());
        let found: Option<Vec<u8>> = waiting.filter(denied.eq(false)).select(digest).first(c).await.optional()?;
        Ok(found.is_some())
    }

    /// Answers a login once: by a user who lets it in, or by none who does not.
    pub async fn answer(c: &mut Connection, of: Vec<u8>, user: Option<i64>, now: i64) -> Result<bool> {
        use device_logins::{code, denied, expires_at, table, user_id};
        let waiting = table.filter(code.eq(of)).filter(expires_at.gt(now)).filter(user_id.is_null());
        let answered = diesel::update(waiting.filter(denied.eq(false)));
        Ok(answered.set((user_id.eq(user), denied.eq(user.is_none()))).execute(c).await? > 0)
    }

    pub async fn poll(c: &mut Connection, of: Vec<u8>, now: i64) -> Result<DevicePoll> {
        use device_logins::{denied, every, expires_at, next_at, table, user_id};
        let columns = (user_id, denied, every, next_at, expires_at);
        let row: Option<Row> = lock!(table.find(of.clone()).select(columns)).first(c).await.optional()?;
        let Some((user, is_denied, pause, next, end)) = row else { return Ok(DevicePoll::Over) };
        let answer = match user {
            _ if end <= now => DevicePoll::Over,
            _ if is_denied => DevicePoll::Denied,
            Some(user) => DevicePoll::Granted(UserKey(user)),
            None => {
                let pause = if now < next { pause + LONGER } else { pause };
                let row = table.find(of);
                diesel::update(row).set((every.eq(pause), next_at.eq(now + pause))).execute(c).await?;
                return Ok(if now < next { DevicePoll::TooSoon } else { DevicePoll::Pending });
            }
        };
        diesel::delete(table.find(of)).execute(c).await?;
        Ok(answer)
    }

    pub async fn sweep(c: &mut Connection, before: i64) -> Result<usize> {
        Ok(diesel::delete(device_logins::table.filter(device_logins::expires_at.lt(before))).execute(c).await?)
    }
}

impl Catalog {
    /// Remembers a login that waits. `Exists` where another one that waits shows the same code.
    pub async fn create_device_login(&self, new: NewDeviceLogin) -> Result<()> {
        write!(self.database, add(new))
    }

    /// Whether a login that shows this code waits for its answer.
    pub async fn is_device_login_waiting(&self, code: [u8; 32], now: Timestamp) -> Result<bool> {
        read!(self.database, is_waiting(code.to_vec(), now.0))
    }

    /// Lets the device that shows this code in as a user, or with none refuses it; once. False where none waits.
    pub async fn answer_device_login(&self, code: [u8; 32], user: Option<UserKey>, now: Timestamp) -> Result<bool> {
        write!(self.database, answer(code.to_vec(), user.map(|user| user.0), now.0))
    }

    /// What has become of a login. Whoever is told that it is granted is the only one who is.
    pub async fn poll_device_login(&self, digest: [u8; 32], now: Timestamp) -> Result<DevicePoll> {
        transaction!(self.database, poll(digest.to_vec(), now.0))
    }

    /// Removes logins that were over at this moment; how many.
    pub async fn sweep_device_logins(&self, before: Timestamp) -> Result<usize> {
        write!(self.database, sweep(before.0))
    }
}
