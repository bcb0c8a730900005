use ballast_contract::auth::CredentialKind;
use poem_openapi::Object;
use serde::Deserialize;

/// The caller, as it sees itself.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct Whoami {
    /// `user`
    #[oai(rename = "type")]
    pub kind: String,
    pub id: String,
    pub name: String,
    pub fullname: String,
    pub email: Option<String>,
    pub email_verified: bool,
    pub can_pay: bool,
    pub is_pro: bool,
    pub orgs: Vec<WhoamiOrganization>,
    pub auth: WhoamiAuth,
    pub site: WhoamiSite,
}

/// An organisation of the caller.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct WhoamiOrganization {
    pub name: String,
    pub fullname: String,
    /// `visitor`, `member`, `admin` or `super-admin`.
    pub role_in_org: String,
}

/// The credential that the caller showed.
#[derive(Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct WhoamiAuth {
    /// `access_token`, `session` or `password`.
    #[oai(rename = "type")]
    pub kind: String,
    pub access_token: Option<WhoamiToken>,
}

/// The caller's token.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct WhoamiToken {
    pub display_name: String,
    /// `read`, `write` or `admin`.
    pub role: String,
}

/// The hub.
#[derive(Object)]
pub struct WhoamiSite {
    pub name: String,
    pub api: String,
    pub version: String,
}

impl Whoami {
    pub fn new(who: ballast_services::Whoami, site_name: &str) -> Self {
        let organization = |membership: ballast_services::Membership| WhoamiOrganization {
            name: membership.name.to_string(),
            fullname: membership.full_name,
            role_in_org: membership.role.to_owned(),
        };
        let token =
            WhoamiToken { display_name: who.credential.name.clone(), role: who.credential.role.as_str().to_owned() };
        let (kind, access_token) = match who.credential.kind {
            CredentialKind::Token => ("access_token", Some(token)),
            CredentialKind::Session => ("session", None),
            CredentialKind::Password => ("password", None),
            CredentialKind::SshKey => ("ssh_key", None),
        };
        let version = Version::new(site_name);
        Self {
            kind: "user".to_owned(),
            id: who.user.key.to_string(),
            name: who.user.name.to_string(),
            fullname: who.user.full_name,
            email: who.user.email,
            email_verified: who.user.email_verified,
            can_pay: false,
            is_pro: false,
            orgs: who.organizations.into_iter().map(organization).collect(),
            auth: WhoamiAuth { kind: kind.to_owned(), access_token },
            site: WhoamiSite { name: version.name, api: version.api, version: version.version },
        }
    }
}

/// Which API this is.
#[derive(Object)]
pub struct Version {
    pub api: String,
    pub version: String,
    /// The hub's name.
    pub name: String,
}

impl Version {
    pub fn new(site_name: &str) -> Self {
        Self { api: "kohakuhub".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned(), name: site_name.to_owned() }
    }
}

/// What a page must know before anybody logs in.
#[derive(Object)]
pub struct SiteConfig {
    pub site_name: String,
    /// Whether an account takes an invitation.
    pub invitation_only: bool,
    pub require_email_verification: bool,
    /// `open`, `invitation` or `closed`: whether anybody may register, only who holds an invitation, or nobody.
    pub registration: String,
}

/// It answers.
#[derive(Object)]
pub struct Health {
    pub status: String,
}

/// The same, as clients of the downloader know it.
#[derive(Object)]
pub struct ApiHealth {
    pub status: String,
    pub version: String,
    pub time: String,
}

/// Whether requests should come here, and how each part is.
#[derive(Object)]
pub struct Readiness {
    /// `ready` or `unready`
    pub status: String,
    pub parts: Vec<PartHealth>,
}

/// One part of the hub.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PartHealth {
    /// `storage.main`
    pub name: String,
    pub ready: bool,
    pub reason: Option<String>,
}

/// A README to be checked.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct Card {
    pub content: String,
    /// `model` (by default), `dataset` or `space`.
    pub repo_type: Option<String>,
}

/// What is wrong with a README's metadata.
#[derive(Object)]
pub struct CardReport {
    pub valid: bool,
    /// With any of these the README is refused.
    pub errors: Vec<CardProblem>,
    pub warnings: Vec<CardProblem>,
}

/// One thing that is wrong.
#[derive(Object)]
pub struct CardProblem {
    pub message: String,
}

impl From<ballast_services::CardReport> for CardReport {
    fn from(report: ballast_services::CardReport) -> Self {
        let problems = |texts: Vec<String>| texts.into_iter().map(|message| CardProblem { message }).collect();
        Self { valid: report.errors.is_empty(), errors: problems(report.errors), warnings: problems(report.warnings) }
    }
}
