//! Enums that are one word in a column and on the wire.

use std::fmt;

/// A word that is none of those that a column or a parameter may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownWord {
    pub(crate) word: String,
    pub(crate) what: &'static str,
    pub(crate) known: Vec<&'static str>,
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is no {}; it is one of {}", self.word.escape_default(), self.what, self.known.join(", "))
    }
}

impl std::error::Error for UnknownWord {}

/// An enum and its words: `words! { /// … pub enum Gated: "way of gating" { Auto = "auto", Manual = "manual" } }`. The
/// order of the variants is their `Ord`.
macro_rules! words {
    ($(#[$doc:meta])* pub enum $name:ident: $what:literal {
        $($(#[$about:meta])* $variant:ident = $word:literal),* $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$about])* #[serde(rename = $word)] $variant),*
        }

        impl $name {
            /// Every one, lowest first.
            pub const ALL: &'static [$name] = &[$(Self::$variant),*];

            /// The word in the database and on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownWord;

            fn from_str(word: &str) -> std::result::Result<Self, $crate::UnknownWord> {
                let found = Self::ALL.iter().copied().find(|known| known.as_str() == word);
                let known = || Self::ALL.iter().map(|known| known.as_str()).collect();
                found.ok_or_else(|| $crate::UnknownWord { word: word.to_owned(), what: $what, known: known() })
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
