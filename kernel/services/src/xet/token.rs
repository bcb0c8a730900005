//! Tokens, and the handles that they open.

use std::time::Duration;

use ballast_contract::auth::CredentialInfo;
use ballast_types::{LeaseId, RepoKind, Revision, Timestamp};
use serde::{Deserialize, Serialize};

use crate::caller::Known;
use crate::ticket::COMMIT_TIME;
use crate::{Caller, Failure, Hub, Readable, Result, Writable};

/// How long a token is good for. Clients ask for another one a minute before.
const VALID: Duration = Duration::from_secs(3600);

/// What is signed.
const SEAL: &str = "xet token 1";

/// A token on its way to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XetToken {
    pub value: String,
    pub expires: Timestamp,
}

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    #[serde(rename = "k")]
    kind: RepoKind,
    #[serde(rename = "n")]
    namespace: String,
    #[serde(rename = "r")]
    name: String,
    /// Who asked for it; nobody, where everybody may read.
    #[serde(rename = "c")]
    caller: Option<Claimant>,
    /// Of uploads; none where it only reads.
    #[serde(rename = "l")]
    lease: Option<LeaseId>,
    #[serde(rename = "e")]
    expires: Timestamp,
}

/// A caller, as far as the credential must be found again.
#[derive(Debug, Serialize, Deserialize)]
struct Claimant {
    #[serde(rename = "i")]
    instance: String,
    #[serde(rename = "s")]
    subject: String,
    #[serde(rename = "c")]
    credential: CredentialInfo,
}

/// A repository's files in xorbs, to be read.
pub struct XetReader {
    pub(super) repository: Readable,
}

/// A repository, to upload to.
pub struct XetWriter {
    pub(super) repository: Writable,
    pub(super) lease: LeaseId,
}

impl Readable {
    /// A token to read this repository's files by Xet. The revision must be there.
    pub async fn xet_read_token(&self, revision: &Revision) -> Result<XetToken> {
        self.resolve(revision).await?;
        Ok(self.seal(None))
    }

    fn seal(&self, lease: Option<LeaseId>) -> XetToken {
        let claimant = |known: &Known| Claimant {
            instance: known.instance.clone(),
            subject: known.subject.clone(),
            credential: known.credential.clone(),
        };
        let expires = self.hub.now().after(VALID);
        let caller = self.caller.for_repository(self.key()).map(claimant);
        let (namespace, name) = (self.id().namespace.to_string(), self.id().name.to_string());
        let claims = Claims { kind: self.kind(), namespace, name, caller, lease, expires };
        XetToken { value: self.hub.0.tickets.seal(SEAL, &claims), expires }
    }
}

impl Writable {
    /// A token to upload to this repository by Xet. The branch must be there, unless the files are for a proposal.
    pub async fn xet_write_token(&self, revision: Option<&Revision>) -> Result<XetToken> {
        if let Some(revision) = revision {
            self.tip(revision).await?;
        }
        let hub = &self.hub;
        let shortest = hub.now().after(VALID).after(COMMIT_TIME);
        let expires = shortest.max(hub.now().after(hub.settings().lease));
        let lease = hub.content().create_lease(self.key(), expires).await?;
        Ok(self.seal(Some(lease)))
    }
}

impl Hub {
    async fn unseal(&self, token: Option<&str>) -> Result<(Claims, Caller)> {
        let claims: Option<Claims> = token.and_then(|token| self.0.tickets.unseal(SEAL, token));
        let claims = claims.filter(|claims| claims.expires > self.now()).ok_or(Failure::BadCredential)?;
        let caller = match &claims.caller {
            Some(Claimant { instance, subject, credential }) => {
                self.caller_again(instance, subject, credential.clone()).await?
            }
            None => Caller::anonymous(),
        };
        Ok((claims, caller))
    }

    /// The right to read that a token gives today. Tokens to write read as well.
    pub async fn xet_reader(&self, token: Option<&str>) -> Result<XetReader> {
        let (claims, caller) = self.unseal(token).await?;
        let repository = self.readable(&caller, claims.kind, &claims.namespace, &claims.name).await?;
        Ok(XetReader { repository })
    }

    /// The right to upload that a token gives today.
    pub async fn xet_writer(&self, token: Option<&str>) -> Result<XetWriter> {
        let (claims, caller) = self.unseal(token).await?;
        let reads = || Failure::Forbidden("This token only reads: ask for one to write".to_owned());
        let lease = claims.lease.ok_or_else(reads)?;
        let repository = self.writable(&caller, claims.kind, &claims.namespace, &claims.name).await?;
        Ok(XetWriter { repository, lease })
    }
}
