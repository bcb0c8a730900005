//! The auth of a library behind the contract's trait.

use async_trait::async_trait;
use ballast_abi::{CAN_KEEP, CAN_NARROW};
use ballast_contract::auth::message::AuthCall;
use ballast_contract::auth::{
    Auth, Credential, Credentials, Identity, NewSshKey, NewToken, Policy, Question, SessionInfo, SshKeyInfo, TokenInfo,
};
use ballast_contract::{Page, Result};
use ballast_types::{Secret, Timestamp};

use super::declared::Made;
use super::loaded::{Loaded, Steps, lives};
use super::messenger::Messenger;

const STEPS: Steps = Steps { start: "auth.start", health: "auth.health", stop: "auth.stop" };

/// The auth of a library.
pub(crate) struct LoadedAuth(Messenger);

impl LoadedAuth {
    pub(super) fn new(made: Made) -> std::result::Result<Self, String> {
        Ok(Self(Messenger::new(made, "auth", STEPS)?))
    }

    fn loaded(&self) -> &Loaded {
        &self.0.loaded
    }
}

lives!(LoadedAuth);

#[async_trait]
impl Auth for LoadedAuth {
    async fn authenticate(&self, credential: &Credential) -> Result<Option<Identity>> {
        self.0.ask("auth.authenticate", &AuthCall::Authenticate { credential: credential.clone() }).await
    }

    async fn is_valid(&self, credential: &str) -> Result<bool> {
        self.0.ask("auth.is_valid", &AuthCall::IsValid { credential: credential.to_owned() }).await
    }

    fn credentials(&self) -> Option<&dyn Credentials> {
        self.0.loaded.can(CAN_KEEP).then_some(self)
    }

    fn policy(&self) -> Option<&dyn Policy> {
        self.0.loaded.can(CAN_NARROW).then_some(self)
    }
}

#[async_trait]
impl Policy for LoadedAuth {
    async fn narrow(&self, questions: &[Question]) -> Result<Vec<bool>> {
        let call = AuthCall::Narrow { questions: questions.to_vec() };
        self.0.ask_each("auth.narrow", &call, questions.len()).await
    }
}

#[async_trait]
impl Credentials for LoadedAuth {
    async fn set_password(&self, subject: &str, password: Option<&Secret>) -> Result<()> {
        let call = AuthCall::SetPassword { subject: subject.to_owned(), password: password.cloned() };
        self.0.ask("auth.set_password", &call).await
    }

    async fn check_password(&self, subject: Option<&str>, password: &Secret) -> Result<Option<Identity>> {
        let call = AuthCall::CheckPassword { subject: subject.map(str::to_owned), password: password.clone() };
        self.0.ask("auth.check_password", &call).await
    }

    async fn create_token(&self, subject: &str, token: &NewToken) -> Result<(TokenInfo, Secret)> {
        let call = AuthCall::CreateToken { subject: subject.to_owned(), token: token.clone() };
        self.0.ask("auth.create_token", &call).await
    }

    async fn tokens(&self, subject: &str, after: Option<String>, limit: usize) -> Result<Page<TokenInfo>> {
        self.0.ask("auth.tokens", &AuthCall::Tokens { subject: subject.to_owned(), after, limit }).await
    }

    async fn renew_token(&self, subject: &str, id: i64, expires_at: Option<Timestamp>) -> Result<Secret> {
        let call = AuthCall::RenewToken { subject: subject.to_owned(), id, expires_at };
        self.0.ask("auth.renew_token", &call).await
    }

    async fn revoke_token(&self, subject: &str, id: i64) -> Result<()> {
        self.0.ask("auth.revoke_token", &AuthCall::RevokeToken { subject: subject.to_owned(), id }).await
    }

    async fn revoke_tokens(&self, subject: &str) -> Result<()> {
        self.0.ask("auth.revoke_tokens", &AuthCall::RevokeTokens { subject: subject.to_owned() }).await
    }

    async fn open_session(&self, subject: &str, expires_at: Timestamp) -> Result<Secret> {
        let call = AuthCall::OpenSession { subject: subject.to_owned(), expires_at };
        self.0.ask("auth.open_session", &call).await
    }

    async fn sessions(&self, subject: &str, after: Option<String>, limit: usize) -> Result<Page<SessionInfo>> {
        self.0.ask("auth.sessions", &AuthCall::Sessions { subject: subject.to_owned(), after, limit }).await
    }

    async fn revoke_session(&self, subject: &str, id: i64) -> Result<()> {
        self.0.ask("auth.revoke_session", &AuthCall::RevokeSession { subject: subject.to_owned(), id }).await
    }

    async fn close_session(&self, session: &Secret) -> Result<()> {
        self.0.ask("auth.close_session", &AuthCall::CloseSession { session: session.clone() }).await
    }

    async fn close_sessions(&self, subject: &str) -> Result<()> {
        self.0.ask("auth.close_sessions", &AuthCall::CloseSessions { subject: subject.to_owned() }).await
    }

    async fn add_ssh_key(&self, subject: &str, key: &NewSshKey) -> Result<SshKeyInfo> {
        let call = AuthCall::AddSshKey { subject: subject.to_owned(), key: key.clone() };
        self.0.ask("auth.add_ssh_key", &call).await
    }

    async fn ssh_keys(&self, subject: &str, after: Option<String>, limit: usize) -> Result<Page<SshKeyInfo>> {
        self.0.ask("auth.ssh_keys", &AuthCall::SshKeys { subject: subject.to_owned(), after, limit }).await
    }

    async fn ssh_key(&self, subject: &str, id: i64) -> Result<SshKeyInfo> {
        self.0.ask("auth.ssh_key", &AuthCall::SshKey { subject: subject.to_owned(), id }).await
    }

    async fn remove_ssh_key(&self, subject: &str, id: i64) -> Result<()> {
        self.0.ask("auth.remove_ssh_key", &AuthCall::RemoveSshKey { subject: subject.to_owned(), id }).await
    }

    async fn forget(&self, subject: &str) -> Result<()> {
        self.0.ask("auth.forget", &AuthCall::Forget { subject: subject.to_owned() }).await
    }
}
