//! Argon2id, away from the threads that serve requests and a few at a time.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{self, PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::Secret;
use tokio::sync::Semaphore;

use crate::LocalConfig;
use crate::digest::random;

/// How long a login waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes and checks password hashes (PHC strings).
pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    turns: Arc<Semaphore>,
    patience: Duration,
}

/// What a check found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Wrong,
    Right,
    /// Right, and the stored hash was made with other parameters: this one belongs in its place.
    Renewed(String),
}

impl Passwords {
    pub(crate) fn new(config: &LocalConfig) -> Result<Self> {
        let invalid = |why: String| Error::new(ErrorKind::Invalid, "auth.open", why);
        let params = Params::new(config.memory_kib, config.iterations, config.parallelism, None);
        let params = params.map_err(|error| {
            invalid(format!("memory_kib, iterations and parallelism are no parameters of Argon2id: {error}"))
        })?;
        if config.concurrent_hashes == 0 {
            return Err(invalid(
                "concurrent_hashes is 0: no password could ever be checked; 1 is the least".to_owned(),
            ));
        }
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let turns = Semaphore::MAX_PERMITS.min(config.concurrent_hashes as usize);
        Ok(Self { argon2, turns: Arc::new(Semaphore::new(turns)), patience: PATIENCE })
    }

    /// The hash to store for a password.
    pub(crate) async fn hash(&self, password: &Secret) -> Result<String> {
        let (password, salt) = (password.clone(), random::<16>()?);
        self.in_turn(move |argon2| hash(argon2, &password, &salt)).await
    }

    /// Whether a password is the one of a stored hash. Without one the answer is `Wrong`, after the same work: nobody
    /// learns from the time it takes who has a password.
    pub(crate) async fn check(&self, stored: Option<String>, password: &Secret) -> Result<Verdict> {
        let (password, salt) = (password.clone(), random::<16>()?);
        self.in_turn(move |argon2| match stored {
            Some(stored) => check(argon2, &stored, &password, &salt),
            None => hash(argon2, &password, &salt).map(|_| Verdict::Wrong),
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> password_hash::Result<T> + Send + 'static,
    ) -> Result<T> {
        let failed = |kind, why: String| Error::new(kind, "auth.password", why);
        let turn = match tokio::time::timeout(self.patience, Arc::clone(&self.turns).acquire_owned()).await {
            Ok(Ok(turn)) => turn,
            _ => return Err(failed(ErrorKind::Unavailable, "too many logins at once; try again".to_owned())),
        };
        let argon2 = self.argon2.clone();
        // The turn goes along: the work ends its own way when the caller is gone, and must count until then.
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&argon2)
        });
        match work.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(failed(ErrorKind::Corrupt, format!("a stored password hash is not usable: {error}"))),
            Err(error) => Err(failed(ErrorKind::Internal, format!("a password hash did not end: {error}"))),
        }
    }
}

fn hash(argon2: &Argon2<'static>, password: &Secret, salt: &[u8]) -> password_hash::Result<String> {
    let salt = SaltString::encode_b64(salt)?;
    Ok(argon2.hash_password(password.expose().as_bytes(), &salt)?.to_string())
}

fn check(argon2: &Argon2<'static>, stored: &str, password: &Secret, salt: &[u8]) -> password_hash::Result<Verdict> {
    let stored = PasswordHash::new(stored)?;
    match argon2.verify_password(password.expose().as_bytes(), &stored) {
        Err(password_hash::Error::Password) => return Ok(Verdict::Wrong),
        checked => checked?,
    }
    let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    if cost(&Params::try_from(&stored)?) == cost(argon2.params()) {
        return Ok(Verdict::Right);
    }
    hash(argon2, password, salt).map(Verdict::Renewed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords(memory_kib: u32) -> Passwords {
        Passwords::new(&LocalConfig { memory_kib, iterations: 1, ..Default::default() }).unwrap()
    }

    #[tokio::test]
    async fn a_password_is_checked_by_its_hash_and_changed_parameters_renew_it() {
        let (old, new) = (passwords(8), passwords(16));
        let (right, wrong) = (Secret::new("correct horse"), Secret::new("battery staple"));
        let stored = old.hash(&right).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{stored}");
        assert_ne!(stored, old.hash(&right).await.unwrap(), "each has a salt of its own");
        assert_eq!(old.check(Some(stored.clone()), &right).await.unwrap(), Verdict::Right);
        assert_eq!(old.check(Some(stored.clone()), &wrong).await.unwrap(), Verdict::Wrong);
        assert_eq!(new.check(Some(stored.clone()), &wrong).await.unwrap(), Verdict::Wrong);
        let Verdict::Renewed(renewed) = new.check(Some(stored), &right).await.unwrap() else { panic!("not renewed") };
        assert_eq!(new.check(Some(renewed), &right).await.unwrap(), Verdict::Right);
    }

    #[tokio::test]
    async fn a_stored_text_that_is_no_hash_is_an_error_and_not_a_wrong_password() {
        let error = passwords(8).check(Some("plain".to_owned()), &Secret::new("plain")).await.unwrap_err();
        assert!(error.is(ErrorKind::Corrupt) && !error.context.contains("plain"), "{error}");
    }

    #[tokio::test]
    async fn a_login_that_gets_no_turn_is_told_to_come_again() {
        let passwords = Passwords { patience: Duration::ZERO, ..passwords(8) };
        let _all = Arc::clone(&passwords.turns).acquire_many_owned(2).await.unwrap();
        let error = passwords.hash(&Secret::new("correct horse")).await.unwrap_err();
        assert!(error.is(ErrorKind::Unavailable) && error.retryable, "{error}");
    }

    #[test]
    fn parameters_that_argon2_refuses_are_named() {
        let error = Passwords::new(&LocalConfig { memory_kib: 1, ..Default::default() }).err().unwrap();
        assert!(error.is(ErrorKind::Invalid) && error.context.contains("memory_kib"), "{error}");
        let error = Passwords::new(&LocalConfig { concurrent_hashes: 0, ..Default::default() }).err().unwrap();
        assert!(error.context.contains("concurrent_hashes"), "{error}");
    }
}
