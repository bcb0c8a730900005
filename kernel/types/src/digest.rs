//! Three digests that the wire calls `oid` or `hash` alike and that must never be mixed up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Text that is not the hexadecimal form of the digest it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidDigest {
    what: &'static str,
    digits: usize,
}

impl fmt::Display for InvalidDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is written as {} hexadecimal digits", self.what, self.digits)
    }
}

impl std::error::Error for InvalidDigest {}

/// Bytes in the order of their digits.
fn in_order<const N: usize>(bytes: [u8; N]) -> [u8; N] {
    bytes
}

/// Xet writes a hash as four little-endian numbers of sixteen digits each: every group of eight bytes stands backwards.
/// Done twice, it is undone.
fn in_groups(mut bytes: [u8; 32]) -> [u8; 32] {
    bytes.chunks_exact_mut(8).for_each(<[u8]>::reverse);
    bytes
}

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $what:literal, $order:path) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// The digest as raw bytes.
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            /// Reads raw bytes, for instance a database column; none when the length is wrong.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl FromStr for $name {
            type Err = InvalidDigest;

            fn from_str(text: &str) -> Result<Self, InvalidDigest> {
                let mut bytes = [0; $bytes];
                hex::decode_to_slice(text, &mut bytes)
                    .map_err(|_| InvalidDigest { what: $what, digits: 2 * $bytes })?;
                Ok(Self($order(bytes)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut digits = [0; 2 * $bytes];
                hex::encode_to_slice($order(self.0), &mut digits).map_err(|_| fmt::Error)?;
                f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        /// The digits, without the ways of `Display`.
        impl From<$name> for String {
            fn from(digest: $name) -> Self {
                hex::encode($order(digest.0))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

digest!(
    /// SHA-256 of a blob's bytes: the name under which content stores it.
    Sha256,
    32,
    "a SHA-256",
    in_order
);
digest!(
    /// SHA-1 of a git object with its header: a blob, a tree or an annotated tag.
    GitOid,
    20,
    "a git object id",
    in_order
);
digest!(
    /// SHA-1 of a git commit object; what clients see as `X-Repo-Commit` and `commitOid`.
    CommitId,
    20,
    "a commit id",
    in_order
);
digest!(
    /// A Xet file, xorb or chunk hash (BLAKE3, keyed). Its digits stand in the protocol's order, not in that of its bytes.
    XetHash,
    32,
    "a Xet hash",
    in_groups
);

impl From<CommitId> for GitOid {
    fn from(id: CommitId) -> Self {
        Self(id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_survives_its_text_form() {
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(text.parse::<Sha256>().unwrap().to_string(), text);
    }

    #[test]
    fn a_xet_hash_is_written_as_four_little_endian_numbers() {
        let bytes: [u8; 32] = std::array::from_fn(|at| at as u8);
        let hash = XetHash(bytes);
        let groups = bytes.chunks(8).map(|group| u64::from_le_bytes(group.try_into().unwrap()));
        let text: String = groups.map(|number| format!("{number:016x}")).collect();
        assert_eq!((hash.to_string(), String::from(hash)), (text.clone(), text.clone()));
        assert_eq!(text.parse(), Ok(hash));
        assert!(text.starts_with("0706050403020100"), "{text}");
    }

    #[test]
    fn a_digest_of_the_wrong_length_or_alphabet_is_refused_with_what_is_expected() {
        for text in ["", "abc", "zz", &"g".repeat(40), &"a".repeat(41)] {
            let error = text.parse::<GitOid>().unwrap_err();
            assert_eq!(error.to_string(), "a git object id is written as 40 hexadecimal digits");
        }
    }
}
