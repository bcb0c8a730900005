use poem_openapi::Object;
use serde::Deserialize;

/// The form of the page where somebody logs in.
#[derive(Deserialize, Object)]
pub struct LoginForm {
    /// The name, or the e-mail address.
    pub username: String,
    pub password: String,
    /// The page of this hub to go on to.
    pub next: Option<String>,
}

/// The form of an invitation's page: empty to accept it as who is logged in, whole to register.
#[derive(Deserialize, Object)]
pub struct InvitationForm {
    pub username: Option<String>,
    pub email: Option<String>,
    pub password: Option<String>,
}

/// The form of the page where somebody says that an e-mail address is theirs.
#[derive(Deserialize, Object)]
pub struct VerifyForm {
    /// From the link.
    pub token: String,
}

/// The form of the page where somebody says that they forgot their password.
#[derive(Deserialize, Object)]
pub struct ForgotForm {
    /// The name, or the e-mail address.
    pub username: String,
}

/// The form of the page where somebody sets a new password.
#[derive(Deserialize, Object)]
pub struct ResetForm {
    /// From the link.
    pub token: String,
    pub password: String,
}
