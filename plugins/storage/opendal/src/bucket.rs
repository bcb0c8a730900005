//! A bucket of any provider that speaks S3.
//!
//! Bytes that go through the hub are OpenDAL's business (`crate::service`). What OpenDAL has no words for is signed here
//! and sent here: uploads in parts that a client makes (`signed`), and throwing away those that nobody finished
//! (`abandoned`).

mod abandoned;
mod answers;
mod requests;
mod signed;

use std::sync::Arc;
use std::time::Duration;

use ballast_contract::storage::Presign;
use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::Secret;
use opendal::layers::{ConcurrentLimitLayer, RetryLayer, TimeoutLayer};
use opendal::{HttpTransporter, OperationContext, Operator, services};
use opendal_http_transport_reqwest::ReqwestTransport;
use rusty_s3::{Credentials, UrlStyle};
use tokio::task::JoinHandle;

use crate::config::{Checksum, OpendalConfig, Presigned, invalid};
use crate::remote::Remote;
use crate::service::{Service, Traits};
use requests::Requests;
use signed::Signed;

/// The most parts of one object: the limit of Amazon, which the others share.
const MOST_PARTS: u64 = 10_000;

/// How long it may take to reach the provider.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// How long an unused connection is kept.
const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// The first pause before a request is sent again, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A bucket and the ways to it.
pub(crate) struct Bucket {
    pub(crate) service: Service,
    /// The same without patience, for whoever asks how the provider is.
    pulse: Service,
    signed: Option<Signed>,
    /// Looks for uploads that nobody finished, as long as the instance lives.
    caretaker: Option<JoinHandle<()>>,
}

impl Bucket {
    /// Sees that the bucket is there and may be used.
    pub(crate) async fn start(config: &OpendalConfig) -> Result<Self> {
        let place = Place::of(config)?;
        let remote = Remote { name: format!("bucket '{}' at {}", config.bucket, place.endpoint) };
        let bare = place.operator(config, &remote)?;
        let operator = patient(bare.clone(), config);
        let traits = Traits {
            remote: Some(remote.clone()),
            ordered: true,
            parts: Some((usize::try_from(config.part_bytes).unwrap_or(usize::MAX), MOST_PARTS)),
        };
        let requests = Arc::new(Requests::new(&place, config, remote, operator.context().http_transport().clone())?);
        let pulse = Service::new(bare, traits.clone());
        let service = Service::new(operator, traits);
        service.check().await?;
        let signed = match config.presign {
            Presigned::Off => None,
            Presigned::Downloads | Presigned::On => {
                Some(Signed::new(&place, config, Arc::clone(&requests), service.clone())?)
            }
        };
        let days = config.abandoned_days;
        let caretaker = (days > 0).then(|| tokio::spawn(abandoned::take_care(requests, days)));
        Ok(Self { service, pulse, signed, caretaker })
    }

    pub(crate) async fn check(&self) -> Result<()> {
        self.pulse.check().await
    }

    pub(crate) fn presign(&self) -> Option<&dyn Presign> {
        self.signed.as_ref().map(|signed| signed as _)
    }

    /// Ends what goes on beside the calls.
    pub(crate) fn stop(&self) {
        self.caretaker.iter().for_each(JoinHandle::abort);
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The same with its limits, and with patience. A try that takes too long is one that failed.
fn patient(operator: Operator, config: &OpendalConfig) -> Operator {
    let limits = TimeoutLayer::new().with_timeout(seconds(config.timeout_seconds));
    let limits = limits.with_io_timeout(seconds(config.transfer_timeout_seconds));
    let retries = RetryLayer::new().with_min_delay(FIRST_PAUSE).with_max_delay(LONGEST_PAUSE).with_factor(2.0);
    let retries = retries.with_max_times(config.retries as usize).with_jitter().with_notify(say_less);
    let connections = config.connections as usize;
    let crowd = ConcurrentLimitLayer::new(tokio::sync::Semaphore::MAX_PERMITS).with_http_concurrent_limit(connections);
    operator.layer(crowd).layer(limits).layer(retries)
}

/// OpenDAL's own line holds the whole answer.
fn say_less(event: opendal::layers::RetryEvent<'_>) {
    tracing::debug!(operation = %event.op, attempt = event.attempt, kind = %event.err.kind(), "asked again");
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

/// Where a bucket is, and with what key one comes in.
pub(crate) struct Place {
    /// As the hub reaches it; without a slash at its end.
    pub(crate) endpoint: String,
    /// As clients reach it.
    public_endpoint: String,
    /// What all keys begin with: empty, or with a slash at its end.
    prefix: String,
    credentials: Credentials,
}

impl Place {
    /// `Invalid` where an address or a key makes no sense.
    pub(crate) fn of(config: &OpendalConfig) -> Result<Self> {
        let amazon = || format!("https://s3.{}.amazonaws.com", config.region);
        let endpoint = Some(config.endpoint.trim_end_matches('/')).filter(|endpoint| !endpoint.is_empty());
        let endpoint = endpoint.map_or_else(amazon, str::to_owned);
        let public = Some(config.public_endpoint.trim_end_matches('/')).filter(|endpoint| !endpoint.is_empty());
        let public_endpoint = public.map_or_else(|| endpoint.clone(), str::to_owned);
        let root = config.root.trim_matches('/');
        let prefix = if root.is_empty() { String::new() } else { format!("{root}/") };
        let text = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
        let (key, secret) = (text(&config.access_key_id), text(&config.secret_access_key));
        let (key, secret) = (key.unwrap_or_default(), secret.unwrap_or_default());
        let credentials = match text(&config.session_token) {
            Some(token) => Credentials::new_with_token(key, secret, token),
            None => Credentials::new(key, secret),
        };
        let place = Self { endpoint, public_endpoint, prefix, credentials };
        place.bucket("endpoint", &place.endpoint, config)?;
        place.bucket("public_endpoint", &place.public_endpoint, config)?;
        Ok(place)
    }

    /// The bucket at one of its addresses.
    fn bucket(&self, option: &str, endpoint: &str, config: &OpendalConfig) -> Result<rusty_s3::Bucket> {
        let style = if config.path_style { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let refused = |why: String| invalid(format!("{option}: '{endpoint}' is no address of a provider: {why}"));
        let endpoint = endpoint.parse().map_err(|error| refused(format!("{error}")))?;
        let bucket = rusty_s3::Bucket::new(endpoint, style, config.bucket.clone(), config.region.clone());
        bucket.map_err(|error| refused(error.to_string()))
    }

    fn operator(&self, config: &OpendalConfig, remote: &Remote) -> Result<Operator> {
        let mut builder = services::S3::default()
            .bucket(&config.bucket)
            .root(&self.prefix)
            .endpoint(&self.endpoint)
            .region(&config.region)
            .access_key_id(self.credentials.key())
            .secret_access_key(self.credentials.secret())
            // The configuration says everything: nothing is taken from the environment or from Amazon's machines.
            .disable_config_load()
            .disable_ec2_metadata();
        if let Some(token) = self.credentials.token() {
            builder = builder.session_token(token);
        }
        if !config.path_style {
            builder = builder.enable_virtual_host_style();
        }
        builder = match config.checksum {
            Checksum::None => builder,
            Checksum::Md5 => builder.checksum_algorithm("md5"),
            Checksum::Crc32c => builder.checksum_algorithm("crc32c"),
        };
        let failed = |error: opendal::Error| remote.told(&error, "storage.start", "the connection");
        let operator = Operator::new(builder).map_err(failed)?;
        Ok(operator.with_context(OperationContext::new().with_http_transport(transport()?)))
    }
}

/// What sends requests.
fn transport() -> Result<HttpTransporter> {
    // Where the program has chosen a library for TLS already, that one is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .connect_timeout(CONNECT_LIMIT)
        .pool_idle_timeout(IDLE_LIMIT)
        .redirect(reqwest::redirect::Policy::none())
        .build();
    let client = client.map_err(|error| {
        let context = "no client for HTTP could be made; see that this machine has root certificates";
        Error::new(ErrorKind::Unavailable, "storage.start", context).with_source(error)
    })?;
    Ok(HttpTransporter::new(ReqwestTransport::new(client)))
}
