//! What repositories are called at other hubs.

use std::fmt;

use ballast_types::{Name, RepoId};

/// `namespace/name`; or a name that stands alone, as those of the oldest repositories of huggingface.co.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorId {
    pub namespace: Option<Name>,
    pub name: Name,
}

impl MirrorId {
    /// None of what no repository can be called. A namespace that is empty is none.
    pub(super) fn read(namespace: &str, name: &str) -> Option<Self> {
        let namespace = match namespace {
            "" => None,
            namespace => Some(namespace.parse().ok()?),
        };
        Some(Self { namespace, name: name.parse().ok()? })
    }

    /// The same in lower case.
    pub(super) fn lower(&self) -> String {
        self.to_string().to_ascii_lowercase()
    }

    /// None of a name that stands alone.
    pub(super) fn whole(&self) -> Option<RepoId> {
        Some(RepoId { namespace: self.namespace.clone()?, name: self.name.clone() })
    }
}

impl fmt::Display for MirrorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => self.name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_stand_alone_and_what_is_no_name_may_not() {
        let read = |namespace: &str, name: &str| MirrorId::read(namespace, name).map(|id| (id.to_string(), id.whole()));
        assert_eq!(read("", "gpt2"), Some(("gpt2".to_owned(), None)));
        assert!(read("acme", "bert").is_some_and(|(text, whole)| text == "acme/bert" && whole.is_some()));
        assert_eq!((read("", "a b"), read("-", "bert"), read("acme", "")), (None, None, None));
    }
}
