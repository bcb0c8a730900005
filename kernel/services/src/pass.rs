//! Passes: who proved by an SSH key who they are, for the HTTP requests that git-lfs sends about the same repository.

use std::time::Duration;

use ballast_contract::auth::{Credential, Role};
use ballast_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::caller::Claimant;
use crate::{Caller, Failure, Hub, Readable, Result};

/// How long a pass is good for: as long as an upload may take to be sent.
const VALID: Duration = Duration::from_secs(3600);

/// What is signed.
const SEAL: &str = "pass 1";

/// How a pass begins, so that it is no token of anybody's.
const PREFIX: &str = "blp_";

/// A pass on its way to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Shown as `Authorization: Bearer`.
    pub value: String,
    pub valid: Duration,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    #[serde(rename = "c")]
    caller: Claimant,
    #[serde(rename = "e")]
    expires: Timestamp,
}

/// Whether a token is a pass, be it good or not.
pub fn is_pass(token: &str) -> bool {
    token.starts_with(PREFIX)
}

impl Readable {
    /// A pass for this repository alone: to read, or to write as far as the caller may.
    pub fn pass(&self, writes: bool) -> Result<Pass> {
        let mut caller = Claimant::of(self.caller.known_for(self.key())?);
        let role = if writes { Role::Write } else { Role::Read };
        caller.credential.role = caller.credential.role.min(role);
        caller.credential.repositories = Some(vec![self.key()]);
        let claims = Claims { caller, expires: self.hub.now().after(VALID) };
        Ok(Pass { value: format!("{PREFIX}{}", self.hub.0.tickets.seal(SEAL, &claims)), valid: VALID })
    }
}

impl Hub {
    /// Whose pass this is; none where it is no pass. One that is over, or whose key was taken away, is a wrong credential.
    pub(crate) async fn caller_by_pass(&self, credential: &Credential) -> Result<Option<Caller>> {
        let Credential::Bearer { token } = credential else { return Ok(None) };
        let Some(sealed) = token.expose().strip_prefix(PREFIX) else { return Ok(None) };
        let claims: Option<Claims> = self.0.tickets.unseal(SEAL, sealed);
        let claims = claims.filter(|claims| claims.expires > self.now()).ok_or(Failure::BadCredential)?;
        self.caller_of(&claims.caller).await.map(Some)
    }
}
