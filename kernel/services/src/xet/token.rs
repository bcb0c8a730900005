//! Tokens, and the handles that they open.

use std::time::Duration;

use ballast_types::{LeaseId, RepoKind, Revision, Timestamp};
use serde::{Deserialize, Serialize};

use crate::caller::Claimant;
use crate::ticket::COMMIT_TIME;
use crate::{Caller, Destination, Downloadable, Failure, Hub, Proposing, Readable, Result};

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
    /// Where an upload is to go. Without it the token is for any branch.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    destination: Option<Destination>,
    #[serde(rename = "e")]
    expires: Timestamp,
}

/// A repository's files in xorbs, to be read.
pub struct XetReader {
    pub(super) repository: Readable,
}

/// A repository, to upload to.
pub struct XetWriter {
    pub(super) repository: Proposing,
    pub(super) lease: LeaseId,
}

impl Downloadable {
    /// A token to read this repository's files by Xet. The revision must be there.
    pub async fn xet_read_token(&self, revision: &Revision) -> Result<XetToken> {
        self.resolve(revision).await?;
        Ok(self.seal(None, None))
    }
}

impl Readable {
    fn seal(&self, lease: Option<LeaseId>, destination: Option<Destination>) -> XetToken {
        let expires = self.hub.now().after(VALID);
        let caller = self.caller.for_repository(self.key()).map(Claimant::of);
        let (namespace, name) = (self.id().namespace.to_string(), self.id().name.to_string());
        let claims = Claims { kind: self.kind(), namespace, name, caller, lease, destination, expires };
        XetToken { value: self.hub.0.tickets.seal(SEAL, &claims), expires }
    }
}

impl Proposing {
    /// A token to upload by Xet what is to be committed there, where the caller may commit: see [`Hub::uploading`]. The
    /// branch must be there, unless the pull request is still to be opened.
    pub async fn xet_write_token(&self, destination: Destination) -> Result<XetToken> {
        if let Destination::Ref(revision) = &destination {
            self.tip(revision).await?;
        }
        let hub = &self.hub;
        let shortest = hub.now().after(VALID).after(COMMIT_TIME);
        let expires = shortest.max(hub.now().after(hub.settings().lease));
        let lease = hub.content().create_lease(self.key(), expires).await?;
        Ok(self.seal(Some(lease), Some(destination)))
    }
}

impl Hub {
    async fn unseal(&self, token: Option<&str>) -> Result<(Claims, Caller)> {
        let claims: Option<Claims> = token.and_then(|token| self.0.tickets.unseal(SEAL, token));
        let claims = claims.filter(|claims| claims.expires > self.now()).ok_or(Failure::BadCredential)?;
        let caller = match &claims.caller {
            Some(claimant) => self.caller_of(claimant).await?,
            None => Caller::anonymous(),
        };
        Ok((claims, caller))
    }

    /// The right to read that a token gives today. Tokens to write read as well.
    pub async fn xet_reader(&self, token: Option<&str>) -> Result<XetReader> {
        let (claims, caller) = self.unseal(token).await?;
        let Claims { kind, namespace, name, .. } = claims;
        let repository = match self.downloadable(&caller, kind, &namespace, &name).await {
            // Its present name is another one than the token's.
            Err(Failure::RepositoryMoved { to, .. }) => {
                self.downloadable(&caller, kind, to.namespace.as_str(), to.name.as_str()).await?
            }
            granted => granted?,
        };
        let repository = Readable::clone(&repository);
        Ok(XetReader { repository })
    }

    /// The right to upload that a token gives today.
    pub async fn xet_writer(&self, token: Option<&str>) -> Result<XetWriter> {
        let (claims, caller) = self.unseal(token).await?;
        let reads = || Failure::Forbidden("This token only reads: ask for one to write".to_owned());
        let lease = claims.lease.ok_or_else(reads)?;
        let Claims { kind, namespace, name, destination, .. } = claims;
        let to = destination.unwrap_or_else(|| Destination::Ref(Revision::main()));
        let repository = match self.uploading(&caller, kind, &namespace, &name, &to).await {
            Err(Failure::RepositoryMoved { to: id, .. }) => {
                self.uploading(&caller, kind, id.namespace.as_str(), id.name.as_str(), &to).await?
            }
            granted => granted?,
        };
        Ok(XetWriter { repository, lease })
    }
}
