//! The bytes of a node. Its id is their BLAKE3, so equal nodes have equal bytes: there is one way to write a node.
//!
//! ```text
//! version (1), level, varint count
//! keys:     varint shared with the key before, varint rest, the rest
//! leaf:     varint mode·2+lfs …, varint size …, oid …             (columns compress better than rows)
//! inner:    varint count, bytes, lfs bytes, tree bytes …, id …
//! ```
//!
//! A row's body is the length of these bytes (four bytes, little-endian) and the bytes themselves in one zstd frame.

use std::cell::RefCell;
use std::io;

use ballast_types::GitOid;

use crate::node::{Child, Node, NodeId, Sums, Value};
use crate::{cut, key};

const VERSION: u8 = 1;
/// More than the bounds of a node allow; what claims to be longer is not read.
const LONGEST: usize = 1 << 20;
const ZSTD_LEVEL: i32 = 1;

/// Bytes that are no node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a node: {0}")]
pub struct Malformed(&'static str);

/// The bytes of a node.
pub fn encode(node: &Node) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 + node.len() * 64);
    out.extend([VERSION, node.level()]);
    put(&mut out, node.len() as u64);
    let mut before: &[u8] = b"";
    for at in 0..node.len() {
        let key = node.key(at);
        let shared = before.iter().zip(key).take_while(|(a, b)| a == b).count();
        put(&mut out, shared as u64);
        put(&mut out, (key.len() - shared) as u64);
        out.extend_from_slice(&key[shared..]);
        before = key;
    }
    node.values().iter().for_each(|value| put(&mut out, u64::from(value.mode) << 1 | u64::from(value.lfs)));
    node.values().iter().for_each(|value| put(&mut out, value.size));
    node.values().iter().for_each(|value| out.extend_from_slice(value.oid.as_bytes()));
    for Child { sums, .. } in node.children() {
        [sums.count, sums.bytes, sums.lfs_bytes, sums.tree_bytes].into_iter().for_each(|sum| put(&mut out, sum));
    }
    node.children().iter().for_each(|child| out.extend_from_slice(&child.id.0));
    out
}

/// The id of a node with these bytes.
pub fn id(encoded: &[u8]) -> NodeId {
    NodeId(*blake3::hash(encoded).as_bytes())
}

/// Reads a node: its keys ascend, its columns are whole, it is within the bounds of a node, and `encode` would write
/// these very bytes. The bounds come first, because keys that share their beginnings could claim memory that grows with
/// the square of their number.
pub fn decode(bytes: &[u8]) -> Result<Node, Malformed> {
    let mut input = Input(bytes);
    if input.byte()? != VERSION {
        return Err(Malformed("its version is unknown to this program"));
    }
    let level = input.byte()?;
    let count = input.count()?;
    if level > 0 && count == 0 {
        return Err(Malformed("an inner node has no children"));
    }
    if count > cut::MOST {
        return Err(Malformed("it has more entries than a node can have"));
    }
    let mut node = Node::new(level);
    decode_keys(&mut node, &mut input, count)?;
    let (values, children) = match level {
        0 => (decode_values(&mut input, count)?, Vec::new()),
        _ => (Vec::new(), decode_children(&mut input, count)?),
    };
    match input.0 {
        [] => Ok(node.fill(values, children)),
        _ => Err(Malformed("bytes are left over")),
    }
}

fn decode_keys(node: &mut Node, input: &mut Input<'_>, count: usize) -> Result<(), Malformed> {
    let mut key_bytes = 0;
    for at in 0..count {
        let shared = usize::try_from(input.varint()?).map_err(|_| Malformed("a key is too long"))?;
        let length = input.count()?;
        let rest = input.take(length)?;
        let before = if at == 0 { &[][..] } else { node.key(at - 1) };
        let tail = before.get(shared..).ok_or(Malformed("a key shares more than there is"))?;
        if at > 0 && rest <= tail {
            return Err(Malformed("its keys do not ascend"));
        }
        if !tail.is_empty() && tail.first() == rest.first() {
            return Err(Malformed("a key shares more than it says"));
        }
        key_bytes += shared + length;
        if shared + length > key::LONGEST || key_bytes - length - shared >= cut::LONGEST {
            return Err(Malformed("its keys are longer than a node's can be"));
        }
        node.push_key(shared, rest);
    }
    Ok(())
}

fn decode_values(input: &mut Input<'_>, count: usize) -> Result<Vec<Value>, Malformed> {
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        let word = input.varint()?;
        let mode = u32::try_from(word >> 1).map_err(|_| Malformed("a mode is too large"))?;
        values.push(Value { mode, lfs: word & 1 == 1, size: 0, oid: GitOid([0; 20]) });
    }
    for value in &mut values {
        value.size = input.varint()?;
    }
    for value in &mut values {
        value.oid = GitOid(input.array()?);
    }
    Ok(values)
}

fn decode_children(input: &mut Input<'_>, count: usize) -> Result<Vec<Child>, Malformed> {
    let mut children = Vec::with_capacity(count);
    for _ in 0..count {
        let (files, bytes) = (input.varint()?, input.varint()?);
        let sums = Sums { count: files, bytes, lfs_bytes: input.varint()?, tree_bytes: input.varint()? };
        children.push(Child { id: NodeId([0; 32]), sums });
    }
    for child in &mut children {
        child.id = NodeId(input.array()?);
    }
    Ok(children)
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed("it is cut off"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed("it is cut off"))
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.array::<1>()?[0])
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            // Nine bytes hold 63 bits.
            if shift > 0 && byte == 0 || shift == 63 && byte > 1 {
                return Err(Malformed("a number is not written as numbers are"));
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed("a number does not end"))
    }

    /// A number of things of at least one byte each, so never more than bytes are left.
    fn count(&mut self) -> Result<usize, Malformed> {
        let number = self.varint()?;
        usize::try_from(number).ok().filter(|n| *n <= self.0.len()).ok_or(Malformed("it is cut off"))
    }
}

/// Packs encodings into the bodies of rows, with one compression context for all of them.
pub struct Packer(zstd::bulk::Compressor<'static>);

impl Packer {
    /// A context of its own.
    pub fn new() -> io::Result<Self> {
        zstd::bulk::Compressor::new(ZSTD_LEVEL).map(Self)
    }

    /// The body of a row.
    pub fn pack(&mut self, encoded: &[u8]) -> io::Result<Vec<u8>> {
        let mut body = (encoded.len() as u32).to_le_bytes().to_vec();
        body.extend(self.0.compress(encoded)?);
        Ok(body)
    }
}

thread_local! {
    /// Making a context costs more than most nodes, so that each thread keeps one.
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The node of a row: the bytes must have this id.
pub fn unpack(expected: NodeId, body: &[u8]) -> Result<Node, Malformed> {
    let (length, frame) = body.split_first_chunk::<4>().ok_or(Malformed("it is cut off"))?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > LONGEST {
        return Err(Malformed("it claims to be longer than a node can be"));
    }
    let encoded = decompress(frame, length).map_err(|_| Malformed("it cannot be decompressed"))?;
    if id(&encoded) != expected {
        return Err(Malformed("its bytes are not those of its id"));
    }
    decode(&encoded)
}

fn decompress(frame: &[u8], length: usize) -> io::Result<Vec<u8>> {
    DECOMPRESSOR.with_borrow_mut(|kept| match kept {
        Some(decompressor) => decompressor.decompress(frame, length),
        None => kept.insert(zstd::bulk::Decompressor::new()?).decompress(frame, length),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::node::Item;

    fn leaf() -> Node {
        let mut node = Node::new(0);
        for (at, name) in ["//a", "//ab", "//b/", "b//x"].into_iter().enumerate() {
            let value = Value { mode: 0o100644, lfs: at == 1, size: 1 << (at * 20), oid: GitOid([at as u8; 20]) };
            node.push(name.as_bytes(), Item::Value(value));
        }
        node
    }

    fn inner() -> Node {
        let mut node = Node::new(3);
        let sums = Sums { count: 7, bytes: u64::MAX, lfs_bytes: 1, tree_bytes: 300 };
        node.push(b"a//x", Item::Child(Child { id: NodeId([1; 32]), sums }));
        node.push(b"a//y", Item::Child(Child { id: NodeId([2; 32]), sums }));
        node
    }

    #[test]
    fn a_node_survives_its_encoding() {
        for node in [leaf(), inner(), Node::new(0)] {
            let encoded = encode(&node);
            assert_eq!(decode(&encoded).unwrap(), node);
            let body = Packer::new().unwrap().pack(&encoded).unwrap();
            assert_eq!(unpack(id(&encoded), &body).unwrap(), node);
        }
    }

    #[test]
    fn damaged_bytes_are_an_error_and_never_a_panic() {
        for encoded in [encode(&leaf()), encode(&inner())] {
            for cut in 0..encoded.len() {
                assert!(decode(&encoded[..cut]).is_err(), "cut at {cut}");
            }
            for at in 0..encoded.len() {
                for byte in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut damaged = encoded.clone();
                    damaged[at] = byte;
                    // It may still be some node; what matters is that reading it ends.
                    let _ = decode(&damaged).map(|node| node.sums(0..node.len()));
                }
            }
            let body = Packer::new().unwrap().pack(&encoded).unwrap();
            for at in 0..body.len() {
                let mut damaged = body.clone();
                damaged[at] ^= 0x55;
                // A few bits of a zstd frame mean nothing; what counts is that no other node comes out.
                let node = unpack(id(&encoded), &damaged);
                assert!(node.is_err() || encode(&node.unwrap()) == encoded, "damaged at {at}");
            }
        }
    }

    #[test]
    fn keys_that_grow_with_the_square_of_their_number_are_refused_early() {
        // Each key is the one before and one byte: three bytes a key, but together as long as their number's square.
        let mut bytes = vec![VERSION, 0];
        put(&mut bytes, 512);
        for at in 0..512u64 {
            put(&mut bytes, at);
            bytes.extend([1, b'a']);
        }
        bytes.resize(bytes.len() + 512 * 22, 0);
        assert_eq!(decode(&bytes), Err(Malformed("its keys are longer than a node's can be")));
        let mut many = vec![VERSION, 0];
        put(&mut many, 600);
        many.resize(20_000, 0);
        assert_eq!(decode(&many), Err(Malformed("it has more entries than a node can have")));
    }

    /// Reading ends, and what comes out is written as it was read and takes no more room than it may.
    fn check(bytes: &[u8]) {
        assert_eq!(crate::check_node(bytes).is_ok(), decode(bytes).is_ok());
        if let Ok(node) = decode(bytes) {
            assert_eq!(encode(&node), bytes);
            assert!(node.weight() <= 4 * bytes.len() + cut::LONGEST + key::LONGEST + size_of::<Node>());
            let _ = node.sums(0..node.len());
        }
    }

    fn any_node() -> impl Strategy<Value = Node> {
        let leaf = prop::collection::btree_map(
            "[a-c/]{0,12}",
            (any::<u32>(), any::<bool>(), any::<u64>(), any::<[u8; 20]>()),
            0..60,
        );
        let inner = prop::collection::btree_map("[a-c/]{0,12}", (any::<[u64; 4]>(), any::<[u8; 32]>()), 1..60);
        let leaf = leaf.prop_map(|entries| {
            let mut node = Node::new(0);
            for (key, (mode, lfs, size, oid)) in entries {
                node.push(key.as_bytes(), Item::Value(Value { mode, lfs, size, oid: GitOid(oid) }));
            }
            node
        });
        let inner = (1..9u8, inner).prop_map(|(level, entries)| {
            let mut node = Node::new(level);
            for (key, ([count, bytes, lfs_bytes, tree_bytes], id)) in entries {
                let sums = Sums { count, bytes, lfs_bytes, tree_bytes };
                node.push(key.as_bytes(), Item::Child(Child { id: NodeId(id), sums }));
            }
            node
        });
        prop_oneof![leaf, inner]
    }

    proptest! {
        #[test]
        fn any_node_is_read_back_and_any_damage_to_it_is_survived(
            node in any_node(), at in any::<prop::sample::Index>(), with in any::<u8>(), cut in any::<prop::sample::Index>(),
        ) {
            let encoded = encode(&node);
            prop_assert_eq!(decode(&encoded), Ok(node));
            let mut damaged = encoded.clone();
            damaged[at.index(encoded.len())] = with;
            check(&damaged);
            check(&encoded[..cut.index(encoded.len())]);
            damaged.remove(cut.index(encoded.len()));
            check(&damaged);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), level in 0..3u8) {
            check(&bytes);
            check(&[&[VERSION, level], &bytes[..]].concat());
        }
    }
}
