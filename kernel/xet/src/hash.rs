//! The hashes of single things; those of trees are in `tree`.

use ballast_types::XetHash;

/// The protocol's key for the bytes of a chunk.
const CHUNK: [u8; 32] = [
    0x66, 0x97, 0xf5, 0x77, 0x5b, 0x95, 0x50, 0xde, 0x31, 0x35, 0xcb, 0xac, 0xa5, 0x97, 0x18, 0x1c, 0x9d, 0xe4, 0x21,
    0x10, 0x9b, 0xeb, 0x2b, 0x58, 0xb4, 0xd0, 0xb0, 0x4b, 0x93, 0xad, 0xf2, 0x29,
];

/// The protocol's key for the chunks of a term.
const TERM: [u8; 32] = [
    0x7f, 0x18, 0x57, 0xd6, 0xce, 0x56, 0xed, 0x66, 0x12, 0x7f, 0xf9, 0x13, 0xe7, 0xa5, 0xc3, 0xf3, 0xa4, 0xcd, 0x26,
    0xd5, 0xb5, 0xdb, 0x49, 0xe6, 0x41, 0x24, 0x98, 0x7f, 0x28, 0xfb, 0x94, 0xc3,
];

/// One chunk in so many, on average, may be asked for by its hash.
const ELIGIBLE: u64 = 1024;

/// The key of an answer about deduplication: who holds the answer recognises chunks that it has, and learns the hash of
/// no other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HmacKey(pub [u8; 32]);

impl HmacKey {
    /// All zeros: the chunk hashes stand as they are.
    pub const NONE: Self = Self([0; 32]);
}

impl std::fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if *self == Self::NONE { "no key" } else { "a key" })
    }
}

/// The name of a chunk.
pub fn chunk_hash(bytes: &[u8]) -> XetHash {
    XetHash(blake3::keyed_hash(&CHUNK, bytes).into())
}

/// A chunk's hash as an answer with this key holds it. The zero key leaves it as it is.
pub fn keyed(hash: XetHash, key: &HmacKey) -> XetHash {
    match *key {
        HmacKey::NONE => hash,
        HmacKey(key) => XetHash(blake3::keyed_hash(&key, hash.as_bytes()).into()),
    }
}

/// Whether a chunk is among those that clients ask for by hash. The first chunk of a file is too, whatever its hash.
pub fn is_eligible(hash: &XetHash) -> bool {
    last_number(hash).is_multiple_of(ELIGIBLE)
}

/// The last eight bytes, which the protocol's rules look at.
pub(crate) fn last_number(hash: &XetHash) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = hash.0;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// The hash by which a client shows that it has the chunks of a term. Only who knows their hashes can work it out, and
/// no answer of the protocol tells those.
pub fn term_hash(chunks: impl IntoIterator<Item = XetHash>) -> XetHash {
    let mut hasher = TermHasher::new();
    chunks.into_iter().for_each(|chunk| hasher.push(&chunk));
    hasher.finish()
}

/// A term's hash in the making.
pub struct TermHasher(blake3::Hasher);

impl TermHasher {
    /// Of no chunk yet.
    #[expect(clippy::new_without_default, reason = "a hasher of nothing is no value that anybody means")]
    pub fn new() -> Self {
        Self(blake3::Hasher::new_keyed(&TERM))
    }

    /// The next chunk.
    pub fn push(&mut self, chunk: &XetHash) {
        self.0.update(chunk.as_bytes());
    }

    /// The hash.
    pub fn finish(self) -> XetHash {
        XetHash(self.0.finalize().into())
    }
}
