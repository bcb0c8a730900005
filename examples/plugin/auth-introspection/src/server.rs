//! The server that knows the tokens.

use std::time::Duration;

use ballast_sdk::types::Secret;
use ballast_sdk::{Error, ErrorKind, Result};
use serde::Deserialize;
use url::Url;
use url::form_urlencoded::Serializer;

/// An answer is small.
const LONGEST: usize = 1 << 16;

/// What the server says of a token (RFC 7662, 2.2), as far as it matters here.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Answer {
    pub active: bool,
    #[serde(default)]
    pub scope: String,
    pub client_id: Option<String>,
    pub username: Option<String>,
    pub sub: Option<String>,
    /// Seconds since 1970.
    pub exp: Option<u64>,
}

pub struct Server {
    endpoint: Url,
    client: Option<(String, Secret)>,
    http: reqwest::Client,
}

impl Server {
    pub fn new(endpoint: Url, client: Option<(String, Secret)>, timeout: Duration) -> Result<Self> {
        // There may be one already, of another instance.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A redirect would send the token somewhere that the operator did not name.
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(timeout).build();
        let http = http.map_err(|error| Error::new(ErrorKind::Internal, "auth.open", error.to_string()))?;
        Ok(Self { endpoint, client, http })
    }

    /// Asks about a token. `Unavailable` where there is no answer that makes sense: what is not known is not guessed.
    pub async fn ask(&self, token: &Secret) -> Result<Answer> {
        let form = Serializer::new(String::new())
            .append_pair("token", token.expose())
            .append_pair("token_type_hint", "access_token")
            .finish();
        let request = self.http.post(self.endpoint.clone()).body(form);
        let request =
            request.header("content-type", "application/x-www-form-urlencoded").header("accept", "application/json");
        let request = match &self.client {
            Some((id, secret)) => request.basic_auth(id, Some(secret.expose())),
            None => request,
        };
        let mut response = request.send().await.map_err(|error| self.failed(error.without_url().to_string()))?;
        if response.status() != 200 {
            return Err(self.failed(format!("it answered {}", response.status().as_u16())));
        }
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.failed(error.without_url().to_string()))? {
            body.extend_from_slice(&piece);
            if body.len() > LONGEST {
                return Err(self.failed(format!("its answer has more than {LONGEST} bytes")));
            }
        }
        serde_json::from_slice(&body).map_err(|error| self.failed(format!("its answer is none: {error}")))
    }

    fn failed(&self, why: String) -> Error {
        let host = self.endpoint.host_str().unwrap_or_default();
        Error::new(ErrorKind::Unavailable, "auth.authenticate", format!("{host} cannot be asked about tokens: {why}"))
    }
}
