//! An auth that believes everybody: the token `iam:NAME` is NAME's. Its rules let some only read and some see nothing, by its keys.

use ballast_sdk::auth::{Auth, Credential, CredentialInfo, CredentialKind, Identity, Policy, Question, Role};
use ballast_sdk::schemars::JsonSchema;
use ballast_sdk::types::Right;
use ballast_sdk::{Component, Error, ErrorKind, Result, Slots, async_trait, schemars};
use serde::Deserialize;

/// The keys.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustingConfig {
    /// Who only reads.
    #[serde(default)]
    pub readers: Vec<String>,
    /// Who sees nothing.
    #[serde(default)]
    pub blind: Vec<String>,
    /// Whose tokens are revoked.
    #[serde(default)]
    pub revoked: Vec<String>,
}

struct Trusting(TrustingConfig);

fn open(config: TrustingConfig, _slots: Slots) -> Result<Trusting> {
    Ok(Trusting(config))
}

impl Component for Trusting {}

#[async_trait]
impl Auth for Trusting {
    async fn authenticate(&self, credential: &Credential) -> Result<Option<Identity>> {
        let (Credential::Bearer { token } | Credential::Basic { secret: token, .. }) = credential else {
            return Ok(None);
        };
        let Some(name) = token.expose().strip_prefix("iam:") else { return Ok(None) };
        if self.0.revoked.iter().any(|revoked| revoked == name) {
            return Err(Error::new(ErrorKind::Unauthenticated, "auth.authenticate", "the token was revoked"));
        }
        let credential = CredentialInfo {
            kind: CredentialKind::Token,
            id: token.expose().to_owned(),
            name: "word".to_owned(),
            role: Role::Write,
            repositories: None,
        };
        let (subject, name_hint) = (format!("subject-of-{name}"), Some(name.to_owned()));
        Ok(Some(Identity { subject, name_hint, email_hint: None, administrator: None, credential }))
    }

    async fn is_valid(&self, credential: &str) -> Result<bool> {
        let name = credential.strip_prefix("iam:");
        Ok(name.is_some_and(|name| !self.0.revoked.iter().any(|revoked| revoked == name)))
    }

    fn policy(&self) -> Option<&dyn Policy> {
        Some(self)
    }
}

#[async_trait]
impl Policy for Trusting {
    async fn narrow(&self, questions: &[Question]) -> Result<Vec<bool>> {
        let among = |question: &Question, names: &[String]| {
            let name = question.subject.as_deref().and_then(|subject| subject.strip_prefix("subject-of-"));
            name.is_some_and(|name| names.iter().any(|known| known == name))
        };
        let may = |question: &Question| {
            let writes = question.right > Right::Read && among(question, &self.0.readers);
            !writes && !among(question, &self.0.blind)
        };
        Ok(questions.iter().map(may).collect())
    }
}

ballast_sdk::export_plugin! {
    id: "auth.trusting",
    about: "Believes everybody",
    config: TrustingConfig = "config.schema.json",
    auth: open,
}
