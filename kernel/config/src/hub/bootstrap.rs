//! What is declared in files instead of being made by hand.

use ballast_types::{Name, Visibility};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SecretSource;

/// What is made at start where it is not there yet, and brought up to date where it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BootstrapConfig {
    /// Users, with their tokens.
    pub users: Vec<BootstrapUser>,
    /// Organisations, with their members.
    pub organizations: Vec<BootstrapOrganization>,
}

/// A declared user.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BootstrapUser {
    /// The name, which is also the namespace of the user's repositories.
    #[schemars(with = "String", extend("format" = "namespace", "examples" = ["demo"]))]
    pub name: Name,
    /// The name to show.
    #[serde(default)]
    #[schemars(extend("examples" = ["Demo user"]))]
    pub full_name: Option<String>,
    /// The address for mail.
    #[serde(default)]
    #[schemars(extend("format" = "email", "examples" = ["demo@example.org"]))]
    pub email: Option<String>,
    /// The password: a text, `{ env = … }` or `{ file = … }`. Without it the user signs in by token only.
    #[serde(default)]
    pub password: Option<SecretSource>,
    /// Whether the user administers the hub. Where such a user has a password or a token of role `admin`, the first start
    /// makes no administrator of its own.
    #[serde(default)]
    pub admin: bool,
    /// Tokens with values that are known beforehand.
    #[serde(default)]
    pub tokens: Vec<BootstrapToken>,
}

/// A declared token.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BootstrapToken {
    /// What it is called among its user's tokens.
    #[schemars(length(min = 1, max = 100), extend("examples" = ["laptop"]))]
    pub name: String,
    /// How far it reaches.
    pub role: TokenRole,
    /// Its value, 8 printable characters or more: a text, `{ env = … }` or `{ file = … }`.
    pub value: SecretSource,
}

impl BootstrapToken {
    /// Why a text cannot be a token's value, if it cannot. The reason does not repeat it.
    pub fn refuse(value: &str) -> Option<&'static str> {
        if value.chars().count() < 8 {
            return Some("a token's value has at least 8 characters");
        }
        if value.chars().any(char::is_control) {
            return Some("a token's value has printable characters only");
        }
        // A header's value is trimmed on its way, and the token would never be right.
        (value.trim() != value).then_some("a token's value neither begins nor ends with a blank")
    }
}

/// How far a token reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenRole {
    /// It reads what its user may read.
    Read,
    /// It writes content too.
    Write,
    /// All that its user may do.
    Admin,
}

/// A declared organisation.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BootstrapOrganization {
    /// The name, which is also the namespace of the organisation's repositories.
    #[schemars(with = "String", extend("format" = "namespace", "examples" = ["lab"]))]
    pub name: Name,
    /// The name to show.
    #[serde(default)]
    #[schemars(extend("examples" = ["The Lab"]))]
    pub full_name: Option<String>,
    /// What a new repository is where its maker does not say.
    #[serde(default = "public")]
    #[schemars(with = "VisibilityWord")]
    pub default_visibility: Visibility,
    /// Who belongs to it.
    #[serde(default)]
    pub members: Vec<BootstrapMember>,
}

fn public() -> Visibility {
    Visibility::Public
}

/// Who may see a repository. (The schema of [`Visibility`], which knows nothing of schemas.)
#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "read by the schema only")]
enum VisibilityWord {
    /// Everybody.
    Public,
    /// Members only.
    Private,
}

/// A declared membership.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BootstrapMember {
    /// The user's name.
    #[schemars(with = "String", extend("format" = "name", "examples" = ["demo"]))]
    pub user: Name,
    /// What the user may do in the organisation.
    #[serde(default)]
    pub role: MemberRole,
}

/// What a member may do; each includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MemberRole {
    /// Reads what is private.
    Visitor,
    /// Writes content; creates and deletes branches and tags.
    #[default]
    Member,
    /// Settings, protection, members, move and delete.
    Admin,
    /// The organisation itself.
    SuperAdmin,
}
