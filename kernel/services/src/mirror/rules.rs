//! What is mirrored, and what is not, and why.

use std::time::Duration;

use ballast_contract::downloader::{SourceAccess, SourceFile, SourceInfo};
use ballast_types::{Name, Timestamp};
use gix_glob::wildmatch::Mode;

use super::MirrorId;

/// What may be mirrored from one hub. Everything, unless something is written here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MirrorRules {
    /// Only these: a namespace or a name that stands alone, or `namespace/name`; `*` stands for any letters. Empty: any.
    pub allow: Vec<String>,
    /// Not these, in the same form.
    pub deny: Vec<String>,
    /// Only with one of these licences; empty: any, and none.
    pub licenses: Vec<String>,
    /// With none of these licences.
    pub denied_licenses: Vec<String>,
    /// No weights in formats that run code when they are loaded.
    pub safetensors_only: bool,
    /// The longest file, in bytes.
    pub max_file_bytes: Option<u64>,
    /// The largest repository, in bytes of the files of one commit.
    pub max_repository_bytes: Option<u64>,
    /// How long ago the commit must have been made.
    pub min_age: Duration,
}

/// How files end whose format can run code when it is read.
const UNSAFE: &[&str] =
    &[".bin", ".ckpt", ".dill", ".h5", ".joblib", ".keras", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pt2", ".pth"];

impl MirrorRules {
    /// Why a name is not looked for; none where it is.
    pub(super) fn refuses_name(&self, id: &MirrorId) -> Option<String> {
        let named = |rule: &String| matches(rule, id);
        match self.deny.iter().find(|rule| named(rule)) {
            Some(rule) => Some(format!("'{rule}' is not mirrored (deny)")),
            None if self.allow.is_empty() || self.allow.iter().any(named) => None,
            None => Some("it is none of those that are mirrored (allow)".to_owned()),
        }
    }

    /// The same before the other hub is asked. Of a name that stands alone only that says what it is called: it is asked
    /// unless that name is denied.
    pub(super) fn refuses_before(&self, id: &MirrorId) -> Option<String> {
        match id.namespace {
            Some(_) => self.refuses_name(id),
            None => Self { allow: Vec::new(), ..self.clone() }.refuses_name(id),
        }
    }

    /// Whether somebody's repositories may be looked for, all of them or some.
    pub(super) fn takes_namespace(&self, namespace: &Name) -> bool {
        let of_owner = |rule: &&String| {
            let owner = rule.split_once('/').map_or(rule.as_str(), |(owner, _)| owner);
            fits(&owner.to_lowercase(), &namespace.lower())
        };
        let denied = self.deny.iter().filter(|rule| !rule.contains('/')).any(|rule| of_owner(&rule));
        !denied && (self.allow.is_empty() || self.allow.iter().any(|rule| of_owner(&rule)))
    }

    /// Why a repository is not mirrored; none where it is. `own`: for whoever has a right of their own to it.
    pub(super) fn refuses(&self, about: &SourceInfo, own: bool, now: Timestamp) -> Option<String> {
        if let Some(why) = not_for_everybody(about.access).filter(|_| !own) {
            return Some(why.to_owned());
        }
        let has =
            |licenses: &[String]| licenses.iter().find(|known| about.licenses.contains(&known.to_lowercase())).cloned();
        if let Some(license) = has(&self.denied_licenses) {
            return Some(format!("its licence '{license}' is not allowed here (denied_licenses)"));
        }
        if !self.licenses.is_empty() && has(&self.licenses).is_none() {
            let said = if about.licenses.is_empty() { "none".to_owned() } else { about.licenses.join(", ") };
            let why = format!("its licence ({said}) is none of {} (licenses)", self.licenses.join(", "));
            return Some(why);
        }
        let young = |at: Timestamp| at.after(self.min_age) > now;
        if !self.min_age.is_zero() && about.modified_at.is_none_or(young) {
            let days = self.min_age.as_secs() / (24 * 60 * 60);
            let when =
                about.modified_at.map_or_else(|| "at a time that is not told".to_owned(), |at| format!("at {at}"));
            return Some(format!("it was changed {when}, and has to be {days} days old (min_age_days)"));
        }
        None
    }

    /// Why a repository with so many bytes is not mirrored; none where it is.
    pub(super) fn refuses_size(&self, bytes: u64) -> Option<String> {
        let most = self.max_repository_bytes.filter(|most| bytes > *most)?;
        Some(format!("it has {bytes} bytes, and {most} are taken (max_repository_bytes)"))
    }

    /// Why a file is not fetched; none where it is.
    pub(super) fn refuses_file(&self, file: &SourceFile) -> Option<String> {
        if let Some(most) = self.max_file_bytes.filter(|most| file.size > *most) {
            return Some(format!("it has {} bytes, and {most} are taken (max_file_bytes)", file.size));
        }
        let path = file.path.as_str().to_lowercase();
        let ending = UNSAFE.iter().find(|ending| path.ends_with(**ending)).filter(|_| self.safetensors_only)?;
        Some(format!("files in {ending} can run code when they are loaded (safetensors_only); take safetensors"))
    }
}

fn not_for_everybody(access: SourceAccess) -> Option<&'static str> {
    match access {
        SourceAccess::Everybody => None,
        SourceAccess::Gated => Some(
            "it is gated there: ask for access there, log in here, and send your own token for that hub behind the one for \
             this, as in HF_TOKEN='TOKEN|ADDRESS,TOKEN_THERE'",
        ),
        SourceAccess::Private => Some("it is private there"),
        SourceAccess::Nobody => Some("it is disabled there"),
        SourceAccess::Unsaid => Some("that hub does not say whether everybody may have it"),
    }
}

/// Whether a rule means a repository: by its namespace, or its name where that stands alone; or by both.
fn matches(rule: &str, id: &MirrorId) -> bool {
    let rule = rule.to_lowercase();
    match (rule.split_once('/'), &id.namespace) {
        (None, namespace) => fits(&rule, &namespace.as_ref().unwrap_or(&id.name).lower()),
        (Some((of_namespace, of_name)), Some(namespace)) => {
            fits(of_namespace, &namespace.lower()) && fits(of_name, &id.name.lower())
        }
        (Some(_), None) => false,
    }
}

/// Whether a text is a pattern's, in which `*` stands for any letters.
fn fits(pattern: &str, text: &str) -> bool {
    gix_glob::wildmatch(pattern.into(), text.into(), Mode::empty())
}

#[cfg(test)]
mod tests {
    use ballast_contract::downloader::Expected;
    use ballast_types::{CommitId, GitOid};

    use super::*;

    fn id(text: &str) -> MirrorId {
        let (namespace, name) = text.split_once('/').unwrap_or(("", text));
        MirrorId::read(namespace, name).unwrap()
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn about() -> SourceInfo {
        SourceInfo {
            id: None,
            commit: CommitId([1; 20]),
            access: SourceAccess::Everybody,
            licenses: words(&["apache-2.0"]),
            created_at: None,
            modified_at: Some(Timestamp(1_000_000)),
            downloads: 0,
            likes: 0,
            tags: vec![],
            card: serde_json::Map::new(),
            pipeline_tag: None,
            library_name: None,
            sdk: None,
        }
    }

    #[test]
    fn names_are_allowed_and_denied_by_patterns_in_any_spelling() {
        let rules = MirrorRules {
            allow: words(&["Google", "meta-*/llama-*"]),
            deny: words(&["google/bert*"]),
            ..MirrorRules::default()
        };
        for allowed in ["google/t5", "GOOGLE/T5", "meta-llama/Llama-3"] {
            assert_eq!(rules.refuses_name(&id(allowed)), None, "{allowed}");
        }
        for (denied, why) in [("google/BERT-base", "deny"), ("meta-llama/opt", "allow"), ("googles/t5", "allow")] {
            assert!(rules.refuses_name(&id(denied)).is_some_and(|reason| reason.contains(why)), "{denied}");
        }
        for any in ["any/thing", "gpt2"] {
            assert_eq!(MirrorRules::default().refuses_name(&id(any)), None);
        }
        let alone = MirrorRules { allow: words(&["GPT*", "a/*"]), deny: words(&["gpt3"]), ..MirrorRules::default() };
        assert_eq!((alone.refuses_name(&id("gpt2")), alone.refuses_name(&id("gpt2/any"))), (None, None));
        assert!(alone.refuses_name(&id("gpt3")).is_some() && alone.refuses_name(&id("a")).is_some());
        let takes = |name: &str| rules.takes_namespace(&name.parse().unwrap());
        assert!(takes("google") && takes("meta-llama") && !takes("openai"));
        let denied = MirrorRules { deny: words(&["goo*"]), ..MirrorRules::default() };
        assert!(!denied.takes_namespace(&"google".parse().unwrap()));
    }

    #[test]
    fn licences_age_and_size_are_held_against_the_rules_with_a_reason() {
        let now = Timestamp(2_000_000);
        let refused = |rules: MirrorRules| rules.refuses(&about(), false, now);
        assert_eq!(refused(MirrorRules { licenses: words(&["MIT", "Apache-2.0"]), ..MirrorRules::default() }), None);
        let other = MirrorRules { licenses: words(&["mit"]), ..MirrorRules::default() };
        assert!(refused(other).unwrap().contains("(apache-2.0) is none of mit"));
        let denied = MirrorRules { denied_licenses: words(&["Apache-2.0"]), ..MirrorRules::default() };
        assert!(refused(denied).unwrap().contains("denied_licenses"));
        let aged = |seconds| MirrorRules { min_age: Duration::from_secs(seconds), ..MirrorRules::default() };
        assert_eq!(refused(aged(1000)), None);
        assert!(refused(aged(1001)).unwrap().contains("min_age_days"));
        let sized = MirrorRules { max_repository_bytes: Some(10), ..MirrorRules::default() };
        assert!(sized.refuses_size(10).is_none() && sized.refuses_size(11).is_some());
    }

    #[test]
    fn what_is_not_for_everybody_is_never_mirrored() {
        for access in [SourceAccess::Gated, SourceAccess::Private, SourceAccess::Nobody, SourceAccess::Unsaid] {
            let about = SourceInfo { access, ..about() };
            assert!(MirrorRules::default().refuses(&about, false, Timestamp(0)).is_some(), "{access:?}");
        }
    }

    #[test]
    fn weights_that_can_run_code_are_told_by_their_ending() {
        let file = |path: &str| SourceFile {
            path: path.parse().unwrap(),
            size: 5,
            expected: Expected::Git(GitOid([1; 20])),
            is_lfs: false,
        };
        let rules = MirrorRules { safetensors_only: true, max_file_bytes: Some(5), ..MirrorRules::default() };
        assert!(rules.refuses_file(&file("a/pytorch_model.BIN")).unwrap().contains("safetensors_only"));
        assert_eq!(rules.refuses_file(&file("model.safetensors")), None);
        assert_eq!(MirrorRules::default().refuses_file(&file("a.bin")), None);
        let short = MirrorRules { max_file_bytes: Some(4), ..MirrorRules::default() };
        assert!(short.refuses_file(&file("a")).unwrap().contains("max_file_bytes"));
    }
}
