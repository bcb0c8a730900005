use ballast_contract::auth::SshKeyInfo;
use poem_openapi::Object;
use serde::{Deserialize, Serialize};

/// A public key that is to let its owner in.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct NewSshKey {
    /// What its owner calls it; by default what the key says behind it.
    pub title: Option<String>,
    /// A line as in a `.pub` file: `ssh-ed25519`, `ecdsa-sha2-nistp256`, `-nistp384` and `-nistp521`, `ssh-rsa` or
    /// `ssh-dss`.
    pub key: String,
}

/// A public key of the caller.
#[derive(Object, Serialize)]
pub struct SshKeyItem {
    pub id: i64,
    pub title: String,
    pub key_type: String,
    /// `SHA256:…`, as `ssh-keygen -l` shows it.
    pub fingerprint: String,
    pub created_at: String,
    /// To about a minute.
    pub last_used: Option<String>,
    /// Whether it lets anybody in: ssh-dss is stored and does not.
    pub usable_for_login: bool,
}

impl From<SshKeyInfo> for SshKeyItem {
    fn from(key: SshKeyInfo) -> Self {
        Self {
            id: key.id,
            title: key.title,
            key_type: key.key_type,
            fingerprint: key.fingerprint,
            created_at: key.created_at.to_string(),
            last_used: key.last_used.map(|moment| moment.to_string()),
            usable_for_login: key.login,
        }
    }
}
