//! Writing a pack: piece by piece, never whole.

use std::collections::HashMap;
use std::io::Write as _;

use ballast_services::{Failure, GitBytes, LongBlob, PackObjects};
use ballast_types::GitOid;
use ballast_types::git::ObjectKind;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use futures::StreamExt;
use sha1::{Digest, Sha1};

use super::{CHAIN, NAMED, OFFSET, delta, number};
use crate::packs::Copying;
use crate::{Output, Result, WireError};

/// What a fetch costs the hub's processor is paid each time, so little of it is spent on making a pack shorter.
const LEVEL: Compression = Compression::fast();

/// A pack under way.
pub struct Writer<'a> {
    objects: PackObjects,
    /// Bases may be objects that the reader has and the pack does not.
    thin: bool,
    /// Bases may be named by where they lie.
    offsets: bool,
    places: HashMap<GitOid, u64>,
    /// How long the chain of deltas is behind an object, as far as it is planned.
    chains: HashMap<GitOid, u8>,
    position: u64,
    hasher: Sha1,
    /// What is kept of it.
    copy: Copying<'a>,
}

impl<'a> Writer<'a> {
    /// A pack of these objects.
    pub(crate) fn new(objects: PackObjects, thin: bool, offsets: bool, copy: Copying<'a>) -> Self {
        let (places, chains) = (HashMap::with_capacity(objects.len()), HashMap::new());
        Self { objects, thin, offsets, places, chains, position: 0, hasher: Sha1::new(), copy }
    }

    /// Sends it.
    pub async fn run(mut self, output: &mut Output) -> Result<()> {
        let count =
            u32::try_from(self.objects.len()).map_err(|_| WireError::protocol("too many objects for a pack"))?;
        let header = [b"PACK".as_slice(), &2_u32.to_be_bytes(), &count.to_be_bytes()].concat();
        self.put(&header, output).await?;
        loop {
            if let Some(blob) = self.objects.next_long().await? {
                self.put_long(blob, output).await?;
                continue;
            }
            let (chains, thin) = (&mut self.chains, self.thin);
            let objects = self.objects.next(|oid, base| plan(chains, thin, oid, base)).await?;
            if objects.is_empty() {
                break;
            }
            let entries = tokio::task::spawn_blocking(move || objects.into_iter().map(deflate).collect::<Vec<_>>());
            let entries = entries.await.map_err(|_| WireError::protocol("the pack could not be made"))?;
            for entry in entries {
                self.put_object(entry?, output).await?;
            }
        }
        let trailer = self.hasher.finalize();
        output.data(&trailer).await?;
        self.copy.add(&trailer).await;
        self.copy.finish().await;
        output.flush().await
    }

    /// A file that is read, deflated and sent piece by piece.
    async fn put_long(&mut self, blob: LongBlob, output: &mut Output) -> Result<()> {
        let LongBlob { oid, size, mut bytes } = blob;
        plan(&mut self.chains, self.thin, oid, None);
        self.places.insert(oid, self.position);
        let mut head = Vec::with_capacity(32);
        write_head(&mut head, number(ObjectKind::Blob), size);
        self.put(&head, output).await?;
        let (mut deflating, mut came) = (Deflating::new(), 0);
        while let Some(piece) = bytes.next().await {
            let piece = piece.map_err(Failure::from)?;
            came += piece.len() as u64;
            let deflated = tokio::task::spawn_blocking(move || {
                let deflated = deflating.piece(&piece)?;
                Ok::<_, std::io::Error>((deflating, deflated))
            });
            let (still, deflated) = deflated.await.map_err(|_| WireError::protocol("the pack could not be made"))??;
            deflating = still;
            self.put(&deflated, output).await?;
        }
        if came != size {
            return Err(WireError::protocol(format!("{oid} has {came} bytes, and {size} were expected")));
        }
        self.put(&deflating.end()?, output).await
    }

    async fn put_object(&mut self, entry: Entry, output: &mut Output) -> Result<()> {
        let Entry { oid, kind, base, length, deflated } = entry;
        let at = self.position;
        let there = base.and_then(|base| self.places.get(&base)).filter(|_| self.offsets).copied();
        let mut head = Vec::with_capacity(32);
        match (base, there) {
            (None, _) => write_head(&mut head, number(kind), length as u64),
            (Some(_), Some(there)) => {
                write_head(&mut head, OFFSET, length as u64);
                write_offset(&mut head, at - there);
            }
            (Some(base), None) => {
                write_head(&mut head, NAMED, length as u64);
                head.extend_from_slice(base.as_bytes());
            }
        }
        self.places.insert(oid, at);
        self.put(&head, output).await?;
        self.put(&deflated, output).await
    }

    async fn put(&mut self, bytes: &[u8], output: &mut Output) -> Result<()> {
        self.hasher.update(bytes);
        self.position += bytes.len() as u64;
        self.copy.add(bytes).await;
        output.data(bytes).await
    }
}

/// Whether an object may come as a delta against this base. Asked again, it answers the same.
fn plan(chains: &mut HashMap<GitOid, u8>, thin: bool, oid: GitOid, base: Option<GitOid>) -> bool {
    let behind = match base {
        None => None,
        // The reader has it, and it is whole there.
        Some(base) => chains.get(&base).copied().or(thin.then_some(0)),
    };
    let chain = behind.map(|behind| behind + 1).filter(|chain| *chain <= CHAIN);
    chains.insert(oid, chain.unwrap_or(0));
    chain.is_some()
}

/// An object as it stands in the pack.
struct Entry {
    oid: GitOid,
    kind: ObjectKind,
    base: Option<GitOid>,
    /// Before it was deflated, in bytes.
    length: usize,
    deflated: Vec<u8>,
}

/// Its bytes are let go of at once: what is deflated waits for as long as the reader takes.
fn deflate(object: GitBytes) -> std::io::Result<Entry> {
    let GitBytes { oid, kind, mut base, mut bytes, like } = object;
    if let Some((other, old)) = like
        && let Some(delta) = delta::between(&old, &bytes)
    {
        (base, bytes) = (Some(other), delta.into());
    }
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(bytes.len() / 2 + 32), LEVEL);
    encoder.write_all(&bytes)?;
    Ok(Entry { oid, kind, base, length: bytes.len(), deflated: encoder.finish()? })
}

/// An object that is deflated piece by piece: between two pieces nothing of it is held but what deflating looks back at.
struct Deflating(ZlibEncoder<Vec<u8>>);

impl Deflating {
    fn new() -> Self {
        Self(ZlibEncoder::new(Vec::new(), LEVEL))
    }

    /// What is ready after one more piece.
    fn piece(&mut self, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        self.0.get_mut().reserve(bytes.len());
        self.0.write_all(bytes)?;
        Ok(std::mem::take(self.0.get_mut()))
    }

    /// The rest.
    fn end(self) -> std::io::Result<Vec<u8>> {
        self.0.finish()
    }
}

/// Kind and length of an entry.
fn write_head(out: &mut Vec<u8>, number: u8, length: u64) {
    let mut rest = length >> 4;
    let mut byte = (number << 4) | (length & 0xf) as u8;
    while rest > 0 {
        out.push(byte | 0x80);
        byte = (rest & 0x7f) as u8;
        rest >>= 7;
    }
    out.push(byte);
}

/// How far back a base lies: seven bits a byte, the highest first, each more than the first with one to spare.
fn write_offset(out: &mut Vec<u8>, mut offset: u64) {
    let mut bytes = vec![(offset & 0x7f) as u8];
    while offset >= 0x80 {
        offset = (offset >> 7) - 1;
        bytes.push((offset & 0x7f) as u8 | 0x80);
    }
    out.extend(bytes.into_iter().rev());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_offsets_are_as_git_writes_them() {
        let head = |number, length| {
            let mut out = Vec::new();
            write_head(&mut out, number, length);
            out
        };
        assert_eq!(head(3, 0), [0x30]);
        assert_eq!(head(1, 15), [0x1f]);
        assert_eq!(head(2, 16), [0xa0, 1]);
        assert_eq!(head(6, 5000), [0xe8, 0xb8, 2]);
        let offset = |length| {
            let mut out = Vec::new();
            write_offset(&mut out, length);
            out
        };
        assert_eq!(offset(127), [127]);
        assert_eq!(offset(128), [0x80, 0]);
        assert_eq!(offset(16511), [0xff, 0x7f]);
        assert_eq!(offset(16512), [0x80, 0x80, 0]);
    }

    #[test]
    fn a_long_object_is_deflated_without_being_held() {
        use std::io::Read;
        // Noise, which no deflating makes shorter, and between it what becomes nearly nothing.
        let mut state = 1_u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        let (piece, pieces) = (256 << 10, 16);
        let (mut deflating, mut whole, mut deflated) = (Deflating::new(), Vec::new(), Vec::new());
        for number in 0..pieces {
            let bytes: Vec<u8> = (0..piece).map(|_| if number % 4 == 3 { 0 } else { noise() }).collect();
            let ready = deflating.piece(&bytes).unwrap();
            assert!(ready.capacity() <= 2 * piece, "{} bytes are held of one piece", ready.capacity());
            deflated.extend(ready);
            whole.extend(bytes);
        }
        deflated.extend(deflating.end().unwrap());
        let mut inflated = Vec::new();
        flate2::read::ZlibDecoder::new(deflated.as_slice()).read_to_end(&mut inflated).unwrap();
        assert!(inflated == whole);
    }

    #[test]
    fn no_chain_of_deltas_is_longer_than_git_has_them() {
        let oid = |n: u8| GitOid([n; 20]);
        let mut chains = HashMap::new();
        assert!(!plan(&mut chains, false, oid(0), None));
        let planned: Vec<bool> = (1..=60).map(|n| plan(&mut chains, false, oid(n), Some(oid(n - 1)))).collect();
        assert_eq!(planned.iter().filter(|is_delta| !**is_delta).count(), 1);
        assert!(!planned[50], "the 51st is whole");
        assert!(!plan(&mut chains, false, oid(99), Some(oid(98))), "nobody has the base");
        assert!(plan(&mut chains, true, oid(99), Some(oid(98))), "the reader has it");
    }
}
