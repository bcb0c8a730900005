use ballast_services::User;
use poem_openapi::Object;
use serde::Deserialize;

/// Who wants an account.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// Also the namespace of the user's repositories.
    pub username: String,
    pub email: String,
    pub password: String,
}

/// An account that was made.
#[derive(Object)]
pub struct Registered {
    pub success: bool,
    pub message: String,
    pub email_verified: bool,
}

/// Who wants to come in.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The name, or the e-mail address.
    pub username: String,
    pub password: String,
}

/// Who forgot a password.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct ForgotPassword {
    /// The name, or the e-mail address.
    pub username: String,
}

/// A new password, by a link that was sent for it.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct ResetPassword {
    pub token: String,
    pub password: String,
}

/// A session that was begun.
#[derive(Object)]
pub struct LoginDone {
    pub success: bool,
    pub message: String,
    pub username: String,
}

/// The caller's account.
#[derive(Object)]
pub struct Me {
    pub id: i64,
    pub username: String,
    pub email: Option<String>,
    pub email_verified: bool,
    pub created_at: String,
}

impl From<User> for Me {
    fn from(user: User) -> Self {
        Self {
            id: user.key.0,
            username: user.name.to_string(),
            email: user.email,
            email_verified: user.email_verified,
            created_at: user.created_at.to_string(),
        }
    }
}
