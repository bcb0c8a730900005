//! What is stored in place of a token or a session's id, and how new ones are made.
//!
//! Values that the hub makes carry more than 230 random bits: nobody finds them by guessing, so that a fast digest is
//! enough, and a request is checked in microseconds. A token that an operator declares may be short. Its digest is
//! therefore keyed with a secret of this store: tables computed beforehand are of no use, and equal tokens of two hubs
//! have different digests. Whoever takes the whole database has the key as well and can try short values quickly; a
//! slow digest would only delay that, at the cost of tens of milliseconds for every request with an unknown token. Who
//! wants more declares a long value, or none.

use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::Secret;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Bytes of the key: a whole block of SHA-256.
pub(crate) const KEY_BYTES: usize = 64;

/// What stands in the database for a secret value.
pub(crate) type Digest = [u8; 32];

/// Makes digests with the key of the store.
#[derive(Clone)]
pub(crate) struct Digester(Hmac<Sha256>);

impl Digester {
    pub(crate) fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self(<Hmac<Sha256> as Mac>::new(key.into()))
    }

    /// The digest of a token's value.
    pub(crate) fn token(&self, value: &Secret) -> Digest {
        self.digest("token", value)
    }

    /// The digest of a session's id.
    pub(crate) fn session(&self, id: &Secret) -> Digest {
        self.digest("session", id)
    }

    fn digest(&self, sort: &str, value: &Secret) -> Digest {
        let mac = self.0.clone().chain_update(sort).chain_update([0]).chain_update(value.expose());
        mac.finalize().into_bytes().into()
    }
}

/// Random bytes from the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    let failed = |error| Error::new(ErrorKind::Internal, "auth.random", format!("no random bytes: {error}"));
    getrandom::fill(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// A token as people know them: `hf_` and 40 letters and digits.
pub(crate) fn new_token() -> Result<Secret> {
    Ok(Secret::new(format!("hf_{}", letters_and_digits(40)?)))
}

/// A session's id: 43 letters and digits, which a cookie carries unquoted.
pub(crate) fn new_session() -> Result<Secret> {
    Ok(Secret::new(letters_and_digits(43)?))
}

fn letters_and_digits(length: usize) -> Result<String> {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(length);
    while text.len() < length {
        // Six bits that name no letter are thrown away: taking them modulo 62 would favour the first two.
        let letters = random::<64>()?.into_iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 63)));
        text.extend(letters.take(length - text.len()).map(|letter| char::from(*letter)));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_token_is_hf_and_forty_letters_and_digits() {
        let token = new_token().unwrap();
        let rest = token.expose().strip_prefix("hf_").unwrap();
        assert!(rest.len() == 40 && rest.chars().all(|c| c.is_ascii_alphanumeric()), "{rest}");
        assert_ne!(token, new_token().unwrap());
    }

    #[test]
    fn a_digest_depends_on_the_value_on_its_sort_and_on_the_key() {
        let (one, other) = (Digester::new(&[1; KEY_BYTES]), Digester::new(&[2; KEY_BYTES]));
        let value = Secret::new("demo-token");
        assert_eq!(one.token(&value), one.token(&value));
        assert_ne!(one.token(&value), one.session(&value));
        assert_ne!(one.token(&value), other.token(&value));
        assert_ne!(one.token(&value), one.token(&Secret::new("demo-tokem")));
    }
}
