//! Settings of a repository: who sees it, who gets its files, which of them are large.

use ballast_catalog::{EventKind, NewEvent, RepositoryPatch};
use ballast_contract::quota::Account;
use ballast_types::Visibility;
use serde_json::json;

use crate::audit::{By, repository_object};
use crate::{Administering, Failure, Proposing, Result};

pub use ballast_catalog::Gated;

/// The least threshold for large files, in bytes: below it, most text would go to LFS.
const LEAST_THRESHOLD: u64 = 1_000_000;
/// The fewest versions of a large file that may be kept.
const FEWEST_VERSIONS: u32 = 2;
/// More suffixes than anybody has kinds of files, and longer ones than any has.
const MOST_SUFFIXES: usize = 200;
const LONGEST_SUFFIX: usize = 64;

/// What to change; none leaves things as they are, `Some(None)` goes back to the server's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsPatch {
    pub visibility: Option<Visibility>,
    pub gated: Option<Option<Gated>>,
    pub lfs_threshold: Option<Option<u64>>,
    pub lfs_keep_versions: Option<Option<u32>>,
    pub lfs_suffixes: Option<Option<Vec<String>>>,
}

impl SettingsPatch {
    fn checked(mut self) -> Result<Self> {
        if let Some(Some(bytes)) = self.lfs_threshold.filter(|bytes| bytes.is_some_and(|b| b < LEAST_THRESHOLD)) {
            let why = format!("lfs_threshold_bytes: {bytes} is too little; it is at least {LEAST_THRESHOLD}");
            return Err(Failure::Invalid(why));
        }
        if let Some(Some(versions)) = self.lfs_keep_versions.filter(|n| n.is_some_and(|n| n < FEWEST_VERSIONS)) {
            let why = format!("lfs_keep_versions: {versions} is too few; it is at least {FEWEST_VERSIONS}");
            return Err(Failure::Invalid(why));
        }
        if let Some(Some(suffixes)) = &mut self.lfs_suffixes {
            *suffixes = checked_suffixes(suffixes)?;
        }
        Ok(self)
    }
}

/// In lower case, sorted, each once.
fn checked_suffixes(suffixes: &[String]) -> Result<Vec<String>> {
    if suffixes.len() > MOST_SUFFIXES {
        return Err(Failure::Invalid(format!("lfs_suffix_rules: more than {MOST_SUFFIXES} rules")));
    }
    let good = |suffix: &str| {
        let letters = |c: char| !c.is_control() && !c.is_whitespace() && !matches!(c, '/' | '*' | '?' | '[' | '"');
        suffix.starts_with('.') && (2..=LONGEST_SUFFIX).contains(&suffix.len()) && suffix.chars().all(letters)
    };
    if let Some(bad) = suffixes.iter().find(|suffix| !good(suffix)) {
        let why = format!(
            "lfs_suffix_rules: '{}' is no suffix; it begins with a dot, as '.bin' does, and has at most \
             {LONGEST_SUFFIX} bytes without spaces and wildcards",
            bad.escape_debug()
        );
        return Err(Failure::Invalid(why));
    }
    let mut suffixes: Vec<String> = suffixes.iter().map(|suffix| suffix.to_lowercase()).collect();
    suffixes.sort_unstable();
    suffixes.dedup();
    Ok(suffixes)
}

impl Administering {
    /// Changes settings: all of them or, where one is refused, none. A visibility whose account has no room for the
    /// repository is `NoRoomThere`.
    pub async fn change_settings(&self, patch: SettingsPatch) -> Result<()> {
        let patch = patch.checked()?;
        if patch == SettingsPatch::default() {
            return Ok(());
        }
        let visibility = patch.visibility.filter(|visibility| *visibility != self.repository.visibility);
        let lfs = patch.lfs_threshold.is_some() || patch.lfs_keep_versions.is_some() || patch.lfs_suffixes.is_some();
        let row = RepositoryPatch {
            visibility: patch.visibility,
            gated: patch.gated,
            lfs_threshold: patch.lfs_threshold,
            lfs_suffixes: patch.lfs_suffixes,
            lfs_keep_versions: patch.lfs_keep_versions,
            disabled: None,
        };
        let object = repository_object(self.kind(), self.id());
        let details = json!({
            "visibility": patch.visibility,
            "gated": patch.gated.map(|gated| gated.map_or("open", Gated::as_str)),
            "lfs": lfs,
        });
        let noted = self.hub.noting(By::from(&self.caller), "repository.change", object, details);
        let update = async |operation| {
            let updated = noted.update_repository(operation, self.key(), row).await?;
            updated.map(drop).ok_or_else(Failure::given_up)
        };
        match visibility {
            Some(visibility) => {
                let to = Account { namespace: self.repository.namespace, visibility };
                self.hub.place(self.key(), to, async |operation| update(Some(operation)).await).await?;
            }
            None => update(None).await?,
        }
        self.changed(json!({ "changed": "settings" })).await
    }

    /// Tells the outbox.
    pub(crate) async fn changed(&self, details: serde_json::Value) -> Result<()> {
        self.tell(EventKind::RepositoryChanged, details).await
    }
}

impl Proposing {
    /// Tells the outbox what happened without an operation that does.
    pub(crate) async fn tell(&self, kind: EventKind, details: serde_json::Value) -> Result<()> {
        let actor = self.caller.known().ok().map(|known| known.user.key);
        let (repo, at) = (self.key(), self.hub.now());
        Ok(self.hub.catalog().append_event(NewEvent { repo, kind, actor, head: None, at, details }).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_are_put_in_order_and_what_is_none_is_refused() {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(checked_suffixes(&list(&[".GGUF", ".bin", ".gguf"])).unwrap(), [".bin", ".gguf"]);
        for bad in ["bin", ".", "", ".a b", ".a/b", ".*", ".\u{0}"] {
            let refusal = checked_suffixes(&list(&[".ok", bad])).unwrap_err().to_string();
            assert!(refusal.contains("lfs_suffix_rules"), "{bad}: {refusal}");
        }
    }

    #[test]
    fn what_is_below_the_least_is_refused_and_null_is_not() {
        let threshold = |bytes| SettingsPatch { lfs_threshold: Some(bytes), ..SettingsPatch::default() }.checked();
        assert!(threshold(Some(999_999)).is_err() && threshold(Some(1_000_000)).is_ok() && threshold(None).is_ok());
        let versions = |n| SettingsPatch { lfs_keep_versions: Some(n), ..SettingsPatch::default() }.checked();
        assert!(versions(Some(1)).is_err() && versions(Some(2)).is_ok() && versions(None).is_ok());
    }
}
