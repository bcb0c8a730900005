//! Who is behind a token, by the server's word.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ballast_sdk::auth::{Auth, Credential, CredentialInfo, CredentialKind, Identity, Role};
use ballast_sdk::types::Secret;
use ballast_sdk::{Component, Result, async_trait};
use moka::sync::Cache;
use sha2::{Digest, Sha256};

use crate::IntrospectionConfig;
use crate::server::{Answer, Server};

/// Tokens that are remembered, and for how long: what was made of a token can be asked about again.
const TOKENS: u64 = 10_000;
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// The auth.
pub struct Introspection {
    config: IntrospectionConfig,
    server: Server,
    /// By the id of the credential, which is the SHA-256 of the token.
    known: Cache<String, Known>,
}

#[derive(Clone)]
struct Known {
    token: Secret,
    answer: Answer,
    asked: Instant,
}

impl Introspection {
    pub(crate) fn new(config: IntrospectionConfig, server: Server) -> Self {
        Self { config, server, known: Cache::builder().max_capacity(TOKENS).time_to_live(REMEMBERED).build() }
    }

    /// What the server says of a token, or said a moment ago.
    async fn answer(&self, id: &str, token: &Secret) -> Result<Answer> {
        let fresh = Duration::from_secs(self.config.cache_seconds);
        if let Some(known) = self.known.get(id).filter(|known| known.asked.elapsed() < fresh) {
            return Ok(known.answer);
        }
        let asked = Instant::now();
        let answer = self.server.ask(token).await?;
        self.known.insert(id.to_owned(), Known { token: token.clone(), answer: answer.clone(), asked });
        Ok(answer)
    }

    fn role(&self, answer: &Answer) -> Role {
        let has = |wanted: &str| answer.scope.split(' ').any(|scope| scope == wanted);
        match &self.config.admin_scope {
            Some(admin) if has(admin) => Role::Admin,
            _ if has(&self.config.write_scope) => Role::Write,
            _ => Role::Read,
        }
    }
}

/// Whether a token proves somebody now.
fn holds(answer: &Answer) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    answer.active && answer.exp.is_none_or(|exp| exp > now)
}

#[async_trait]
impl Component for Introspection {}

#[async_trait]
impl Auth for Introspection {
    async fn authenticate(&self, credential: &Credential) -> Result<Option<Identity>> {
        let (Credential::Bearer { token } | Credential::Basic { secret: token, .. }) = credential else {
            return Ok(None);
        };
        if !token.expose().starts_with(&self.config.prefix) {
            return Ok(None);
        }
        let id: String = Sha256::digest(token.expose()).iter().map(|byte| format!("{byte:02x}")).collect();
        let answer = self.answer(&id, token).await?;
        // The server does not say whether it has ever known the token: another instance may.
        if !holds(&answer) {
            return Ok(None);
        }
        let Some(subject) = answer.sub.clone().or_else(|| answer.username.clone()) else { return Ok(None) };
        let credential = CredentialInfo {
            kind: CredentialKind::Token,
            id,
            name: answer.client_id.clone().unwrap_or_else(|| "token".to_owned()),
            role: self.role(&answer),
            repositories: None,
        };
        let name_hint = answer.username.clone();
        Ok(Some(Identity { subject, name_hint, email_hint: None, administrator: None, credential }))
    }

    async fn is_valid(&self, credential: &str) -> Result<bool> {
        // One that this node has not seen is not known to hold: whoever has it shows the token again.
        let Some(known) = self.known.get(credential) else { return Ok(false) };
        Ok(holds(&self.answer(credential, &known.token).await?))
    }
}
