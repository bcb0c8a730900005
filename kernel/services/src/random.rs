//! What nobody can guess.

use ballast_contract::{Error, ErrorKind};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{Failure, Result};

/// Bytes of the system's random numbers.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        let context = format!("the system gives no random numbers: {error}");
        Failure::Broken(Error::new(ErrorKind::Internal, "random", context))
    })?;
    Ok(bytes)
}

/// 256 random bits, as a text that fits into a URL.
pub(crate) fn random_text() -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes::<32>()?))
}
