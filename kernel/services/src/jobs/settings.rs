//! How downloads go about it: what the operator wrote, and what was set since while the hub ran.

use ballast_types::Secret;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Downloading;
use crate::audit::hub_object;
use crate::{Failure, Hub, Result};

/// What is held against what the remote hub said of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verify {
    /// Its length, without which it is not whole.
    None,
    /// The same.
    Size,
    /// Its digest too.
    Sha256,
}

impl Verify {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Size => "size",
            Self::Sha256 => "sha256",
        }
    }
}

impl std::str::FromStr for Verify {
    type Err = String;

    fn from_str(word: &str) -> std::result::Result<Self, String> {
        let known = [Self::None, Self::Size, Self::Sha256].into_iter().find(|known| known.as_str() == word);
        known.ok_or_else(|| format!("'{}' is none of none, size and sha256", word.escape_debug()))
    }
}

/// How downloads go about it.
#[derive(Clone, Debug)]
pub struct JobSettings {
    /// The token at the remote hub.
    pub token: Option<Secret>,
    /// Connections for one file.
    pub connections: u32,
    /// Large files of a job that are fetched side by side.
    pub max_active: u32,
    /// From this size on, in bytes, several connections fetch a file.
    pub multipart_threshold: u64,
    pub verify: Verify,
    /// How often in a row a file's bytes are asked for again.
    pub retries: u32,
}

/// What is to be set; what is absent stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JobSettingsPatch {
    /// An empty one is none.
    pub token: Option<Secret>,
    pub connections: Option<u32>,
    pub max_active: Option<u32>,
    pub multipart_threshold: Option<u64>,
    pub verify: Option<Verify>,
    pub retries: Option<u32>,
}

impl JobSettingsPatch {
    fn check(&self) -> Result<()> {
        let within = |name: &str, value: Option<u64>, least: u64, most: u64| match value {
            Some(value) if value < least || value > most => {
                Err(Failure::Invalid(format!("{name}: it is a whole number from {least} to {most}")))
            }
            _ => Ok(()),
        };
        within("connections", self.connections.map(u64::from), 1, 256)?;
        within("maxActive", self.max_active.map(u64::from), 1, 256)?;
        within("multipartThreshold", self.multipart_threshold, 1 << 20, 1 << 50)?;
        within("retries", self.retries.map(u64::from), 0, 100)?;
        match &self.token {
            Some(token) if token.expose().len() > 1000 || !token.expose().bytes().all(|b| b.is_ascii_graphic()) => {
                Err(Failure::Invalid("token: it has at most 1000 printable characters".to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn over(self, under: Self) -> Self {
        Self {
            token: self.token.or(under.token),
            connections: self.connections.or(under.connections),
            max_active: self.max_active.or(under.max_active),
            multipart_threshold: self.multipart_threshold.or(under.multipart_threshold),
            verify: self.verify.or(under.verify),
            retries: self.retries.or(under.retries),
        }
    }
}

impl Hub {
    async fn set_for_jobs(&self) -> Result<JobSettingsPatch> {
        let Some(body) = self.catalog().job_settings().await? else { return Ok(JobSettingsPatch::default()) };
        serde_json::from_str(&body).map_err(|error| {
            let why = format!("the settings of downloads cannot be read: {error}");
            Failure::Broken(ballast_contract::Error::new(ballast_contract::ErrorKind::Corrupt, "jobs", why))
        })
    }

    /// What downloads go by now.
    pub(crate) async fn job_settings(&self) -> Result<JobSettings> {
        let (usual, set) = (self.job_parts()?.settings.clone(), self.set_for_jobs().await?);
        Ok(JobSettings {
            token: set.token.or(usual.token).filter(|token| !token.expose().is_empty()),
            connections: set.connections.unwrap_or(usual.connections),
            max_active: set.max_active.unwrap_or(usual.max_active),
            multipart_threshold: set.multipart_threshold.unwrap_or(usual.multipart_threshold),
            verify: set.verify.unwrap_or(usual.verify),
            retries: set.retries.unwrap_or(usual.retries),
        })
    }
}

impl Downloading {
    /// What downloads go by.
    pub async fn settings(&self) -> Result<JobSettings> {
        self.hub.job_settings().await
    }

    /// Where downloads go, and the remote hub that they come from.
    pub fn places(&self) -> Result<(String, String)> {
        let parts = self.parts()?;
        Ok((parts.cache.root().display().to_string(), parts.downloader.endpoint()))
    }

    /// Sets some of it, for all nodes and jobs that begin from now on. `Invalid` where a value makes no sense: then nothing
    /// is set.
    pub async fn set(&self, patch: JobSettingsPatch) -> Result<()> {
        self.parts()?;
        patch.check()?;
        let told = json!({
            "token": patch.token.is_some(),
            "connections": patch.connections,
            "max_active": patch.max_active,
            "multipart_threshold": patch.multipart_threshold,
            "verify": patch.verify,
            "retries": patch.retries,
        });
        let all = patch.over(self.hub.set_for_jobs().await?);
        let body = serde_json::to_string(&all).map_err(Failure::invalid)?;
        self.hub.catalog().set_job_settings(body).await?;
        self.hub.put_on_record(self.by(), "jobs.settings", hub_object(), told).await
    }
}
