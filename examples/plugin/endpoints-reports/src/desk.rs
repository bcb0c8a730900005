//! The operations, by the names that they have in `openapi.json`.

use std::sync::Arc;

use ballast_sdk::endpoints::{Endpoints, Request, Response};
use ballast_sdk::{Component, Error, ErrorKind, Result, State, async_trait};
use serde::Deserialize;
use serde_json::json;

use crate::ReportsConfig;
use crate::badge::badge;
use crate::book::{Book, Report};

/// Where reports are taken and read.
pub struct Desk {
    config: ReportsConfig,
    book: Book,
}

/// What is sent.
#[derive(Deserialize)]
struct Words {
    reason: String,
    #[serde(default)]
    text: String,
}

/// Reports on a page, and the most of them.
const PAGE: usize = 100;
const MOST: usize = 1000;

impl Component for Desk {}

#[async_trait]
impl Endpoints for Desk {
    async fn answer(&self, request: Request) -> Result<Response> {
        match request.operation.as_str() {
            "file_report" => self.file(&request).await,
            "list_reports" => self.list(&request).await,
            "close_report" => self.close(&request).await,
            "get_badge" => self.badge(&request).await,
            other => Err(Error::new(ErrorKind::Unsupported, "reports", format!("there is no operation {other}"))),
        }
    }
}

impl Desk {
    pub(crate) fn new(config: ReportsConfig, state: Arc<dyn State>) -> Self {
        Self { config, book: Book::new(state) }
    }

    async fn file(&self, request: &Request) -> Result<Response> {
        let (by, repository, words) = (request.account()?, request.repository()?, request.json::<Words>()?);
        if !self.config.reasons.contains(&words.reason) {
            return Err(invalid(format!("reason: one of {}", self.config.reasons.join(", "))));
        }
        if words.text.chars().count() > self.config.most_characters {
            return Err(invalid(format!("text: at most {} characters", self.config.most_characters)));
        }
        let report = Report {
            id: 0,
            repository: repository.key,
            kind: repository.kind,
            name: repository.id.clone(),
            reason: words.reason,
            text: words.text,
            by: by.key,
            by_name: by.name.clone(),
            at: 0,
        };
        let filed = self.book.file(report).await?;
        Response::json(201, &json!({ "id": filed.id }))
    }

    async fn list(&self, request: &Request) -> Result<Response> {
        let after = number(request, "after")?;
        let limit = number(request, "limit")?.unwrap_or(PAGE as u64).clamp(1, MOST as u64);
        let page = self.book.list(after, limit as usize).await?;
        Response::json(200, &json!({ "reports": page.items, "next": page.next }))
    }

    async fn close(&self, request: &Request) -> Result<Response> {
        let id = request.parameter("report")?.parse();
        self.book.close(id.map_err(|_| invalid("report: a number".to_owned()))?).await?;
        Ok(Response::empty(204))
    }

    async fn badge(&self, request: &Request) -> Result<Response> {
        let open = self.book.open(request.repository()?.key).await?;
        Ok(Response::new(200, "image/svg+xml", badge(open)).with_header("cache-control", "no-cache"))
    }
}

fn number(request: &Request, name: &str) -> Result<Option<u64>> {
    let wrong = |_| invalid(format!("{name}: a number"));
    request.query(name).map(str::parse).transpose().map_err(wrong)
}

fn invalid(why: String) -> Error {
    Error::new(ErrorKind::Invalid, "reports", why)
}
