use std::collections::BTreeMap;

use ballast_services::AccessAsked;
use poem_openapi::Object;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What is filled in when access is asked for: any fields.
#[derive(Debug, Default, Deserialize, Object)]
#[serde(default, deny_unknown_fields)]
pub struct AskAccess {
    pub fields: Option<BTreeMap<String, Value>>,
}

impl AskAccess {
    pub fn fields(self) -> Map<String, Value> {
        self.fields.unwrap_or_default().into_iter().collect()
    }
}

/// Where a request for access stands.
#[derive(Object)]
pub struct AccessStanding {
    /// `pending`, `accepted` or `rejected`.
    pub status: String,
}

/// A decision on a request.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[oai(rename_all = "camelCase")]
pub struct HandleAccess {
    /// Whose request it is, by name.
    pub user: Option<String>,
    /// The same, by the request's id.
    pub request_id: Option<String>,
    /// `pending`, `accepted` or `rejected`.
    pub status: String,
    pub rejection_reason: Option<String>,
}

/// Somebody who is given access.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct GrantAccess {
    /// By name.
    pub user: String,
}

/// A request for access.
#[derive(Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
#[serde(rename_all = "camelCase")]
pub struct AccessRequestItem {
    /// Its user's name: each user has one request at most.
    pub request_id: String,
    /// `pending`, `accepted` or `rejected`.
    pub status: String,
    /// When it got where it stands.
    pub timestamp: String,
    pub user: AccessUser,
    /// What was filled in.
    pub fields: Value,
    /// Why it was rejected, where somebody said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejection_reason: Option<String>,
}

/// Who asks for access.
#[derive(Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub struct AccessUser {
    pub user: String,
    pub fullname: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

impl From<AccessAsked> for AccessRequestItem {
    fn from(AccessAsked { user, request }: AccessAsked) -> Self {
        let name = user.name.to_string();
        Self {
            request_id: name.clone(),
            status: request.status.to_string(),
            timestamp: request.at.to_string(),
            user: AccessUser { user: name, fullname: user.full_name, email: user.email },
            fields: Value::Object(request.fields),
            rejection_reason: request.reason,
        }
    }
}
