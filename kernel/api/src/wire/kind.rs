use ballast_types::RepoKind;
use poem_openapi::Enum;

/// The plural word for a repository's type, as addresses have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum Kinds {
    Models,
    Datasets,
    Spaces,
}

/// How a segment that is none of these is told from other unreadable ones: the type's name in the parser's message.
pub const UNKNOWN_KIND: &str = "\"Kinds\"";

impl From<Kinds> for RepoKind {
    fn from(kinds: Kinds) -> Self {
        match kinds {
            Kinds::Models => Self::Model,
            Kinds::Datasets => Self::Dataset,
            Kinds::Spaces => Self::Space,
        }
    }
}

#[cfg(test)]
mod tests {
    use poem_openapi::types::ParseFromParameter;

    use super::*;

    #[test]
    fn an_unknown_kind_is_recognised_by_the_parsers_message() {
        assert!(Kinds::parse_from_parameter("kernels").unwrap_err().into_message().contains(UNKNOWN_KIND));
        assert_eq!(Kinds::parse_from_parameter("datasets").ok(), Some(Kinds::Datasets));
    }
}
