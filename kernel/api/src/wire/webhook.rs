use ballast_services::{Domain, Failure, WatchedName, WebhookRequest, WebhookView};
use ballast_types::RepoKind;
use poem_openapi::Object;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An address that is told what happens.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Webhook", skip_serializing_if_is_none)]
pub struct WebhookBody {
    pub id: String,
    pub url: String,
    /// What it is told of.
    pub watched: Vec<WatchedItem>,
    /// `repo`, `discussion`
    pub domains: Vec<String>,
    /// What messages are signed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Told of nothing: its owner wished so, or too many messages did not arrive.
    pub disabled: bool,
}

/// Something that is watched.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchedItem {
    /// `model`, `dataset`, `space`, `user` or `org`
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    pub kind: String,
    /// `namespace/name`, or the name of a user or an organisation.
    pub name: String,
}

/// One webhook.
#[derive(Object)]
pub struct OneWebhook {
    pub webhook: WebhookBody,
}

/// What a webhook is to be. Of a change, what is absent stays as it is.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[oai(rename_all = "camelCase")]
pub struct WebhookWish {
    /// Where messages are sent, by POST.
    pub url: Option<String>,
    /// 1 to 100 of them. In a change, an empty list stays as it is too.
    pub watched: Option<Vec<WatchedItem>>,
    /// `repo`, `discussion`; both by default.
    pub domains: Option<Vec<String>>,
    /// At most 500 printable characters. Sent as `X-Webhook-Secret`, and used to sign (`webhook-signature`, as Standard
    /// Webhooks says). An empty one is none.
    pub secret: Option<String>,
    /// Declined with 501, and so not in the document: this hub runs no jobs.
    #[oai(skip)]
    pub job_source_id: Option<Value>,
    /// Of such a job.
    #[oai(skip)]
    pub secrets: Option<Value>,
}

impl From<WebhookView> for WebhookBody {
    fn from(WebhookView { webhook, watched }: WebhookView) -> Self {
        Self {
            id: format!("{:024x}", webhook.id),
            url: webhook.url,
            watched: watched.into_iter().map(WatchedItem::from).collect(),
            domains: webhook.domains.iter().map(ToString::to_string).collect(),
            secret: webhook.secret,
            disabled: webhook.disabled,
        }
    }
}

impl From<WatchedName> for WatchedItem {
    fn from(watched: WatchedName) -> Self {
        let (kind, name) = match watched {
            WatchedName::Repository(kind, id) => (kind.as_str(), id),
            WatchedName::User(name) => ("user", name),
            WatchedName::Organization(name) => ("org", name),
        };
        Self { kind: kind.to_owned(), name }
    }
}

impl TryFrom<WatchedItem> for WatchedName {
    type Error = Failure;

    fn try_from(WatchedItem { kind, name }: WatchedItem) -> Result<Self, Failure> {
        match kind.as_str() {
            "user" => Ok(Self::User(name)),
            "org" => Ok(Self::Organization(name)),
            "bucket" => Err(Failure::Unsupported("This hub has no buckets that could be watched".to_owned())),
            kind => Ok(Self::Repository(kind.parse::<RepoKind>().map_err(Failure::invalid)?, name)),
        }
    }
}

impl TryFrom<WebhookWish> for WebhookRequest {
    type Error = Failure;

    fn try_from(wish: WebhookWish) -> Result<Self, Failure> {
        if wish.job_source_id.is_some() || wish.secrets.is_some() {
            return Err(Failure::Unsupported(
                "This hub runs no jobs that a webhook could start: give a url".to_owned(),
            ));
        }
        let watched = wish.watched.map(|items| items.into_iter().map(WatchedName::try_from).collect());
        let domains = wish.domains.map(|words| words.iter().map(|word| domain(word)).collect());
        Ok(Self { url: wish.url, secret: wish.secret, domains: domains.transpose()?, watched: watched.transpose()? })
    }
}

/// As today's clients spell it, and those of 1.x.
fn domain(word: &str) -> Result<Domain, Failure> {
    match word {
        "discussions" => Ok(Domain::Discussion),
        word => word.parse().map_err(Failure::invalid),
    }
}
