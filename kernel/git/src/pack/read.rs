//! Reading a pack that somebody pushed, without believing it.
//!
//! The pack waits in a temporary file without a name, which a crash takes away. Every entry is inflated once, in pieces,
//! and no more memory is taken than for one object within the limits, whatever lengths the pack announces. Then deltas
//! are resolved from their bases upwards, and what they make goes to a second file, so that every object can be read at
//! once afterwards. Names are worked out with the SHA-1 that notices collisions.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use ballast_types::GitOid;
use ballast_types::git::{ObjectKind, apply_delta, delta_lengths};
use bytes::Bytes;
use flate2::bufread::ZlibDecoder;
use sha1::Digest;

use super::{NAMED, OFFSET, kind};
use crate::fsck;

/// The most entries of a pack.
const ENTRIES: u32 = 20_000_000;
/// The longest commit, tag, tree or delta, in bytes: a folder of a million files is some 40 MB.
const LONGEST: u64 = 256 << 20;
/// What may come of a pack besides what the limits say: so many bytes for each of its own.
const MADE_PER_BYTE: u64 = 20;
/// Pieces of what is inflated.
const PIECE: usize = 64 << 10;

/// What a pack may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Blobs up to this length are read whole, in bytes.
    pub blob: u64,
    /// What may come of a short pack, in bytes.
    pub made: u64,
}

/// Why a pack is refused.
#[derive(Debug, thiserror::Error)]
pub enum BadPack {
    #[error("{0}")]
    Refused(String),
    #[error("the folder for temporary files: {0}")]
    Disk(std::io::Error),
}

type Result<T> = std::result::Result<T, BadPack>;

fn refused<T>(why: impl Into<String>) -> Result<T> {
    Err(BadPack::Refused(why.into()))
}

impl From<std::io::Error> for BadPack {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Self::Refused("the pack ends early".to_owned()),
            std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData => {
                Self::Refused("an entry of the pack is not deflated as it should be".to_owned())
            }
            _ => Self::Disk(error),
        }
    }
}

/// Where an object's bytes are.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Deflated in the pack, from here on.
    Packed(u64),
    /// As they are in the second file.
    Made(u64),
}

#[derive(Clone, Copy, Debug)]
struct Object {
    kind: ObjectKind,
    size: u64,
    place: Place,
}

/// A delta that waits for its base.
#[derive(Clone, Copy, Debug)]
struct Delta {
    /// Where its deflated bytes are.
    data: u64,
    size: u64,
    /// Where its entry begins.
    at: u64,
}

/// A pack whose entries were read, and whose deltas may still need bases from elsewhere.
pub struct Pack {
    file: File,
    made: BufWriter<File>,
    made_bytes: u64,
    budget: u64,
    limits: Limits,
    objects: HashMap<GitOid, Object>,
    /// By where their base lies, and by its name.
    by_offset: BTreeMap<u64, Vec<Delta>>,
    by_name: HashMap<GitOid, Vec<Delta>>,
}

/// A pack of which every object can be read.
pub struct Index {
    file: File,
    made: File,
    objects: HashMap<GitOid, Object>,
}

impl Pack {
    /// Reads the entries of a pack.
    pub fn read(mut file: File, limits: Limits) -> Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(0))?;
        let budget = limits.made.saturating_add(length.saturating_mul(MADE_PER_BYTE));
        let made = BufWriter::with_capacity(1 << 20, tempfile::tempfile()?);
        let (by_offset, by_name) = (BTreeMap::new(), HashMap::new());
        let reading = file.try_clone()?;
        let mut pack = Self { file, made, made_bytes: 0, budget, limits, objects: HashMap::new(), by_offset, by_name };
        let entries = pack.read_entries(Counted::new(reading))?;
        pack.resolve(entries)?;
        Ok(pack)
    }

    /// The entries, and what each that is no delta is, by where it begins.
    fn read_entries(&mut self, mut input: Counted) -> Result<HashMap<u64, GitOid>> {
        let mut header = [0; 12];
        input.read_exact(&mut header)?;
        let [magic, version, count] =
            [0, 4, 8].map(|at| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]));
        if magic != u32::from_be_bytes(*b"PACK") || !matches!(version, 2 | 3) {
            return refused("this is no pack of version 2 or 3");
        }
        if count > ENTRIES {
            return refused(format!("the pack has {count} objects; at most {ENTRIES} are taken at once"));
        }
        let mut names = HashMap::new();
        for _ in 0..count {
            let at = input.position;
            let (number, size) = read_head(&mut input)?;
            match number {
                OFFSET => {
                    let back = read_offset(&mut input)?;
                    let base = at.checked_sub(back).filter(|_| back > 0);
                    let Some(base) = base else { return refused("a delta's base lies before the pack") };
                    let delta = self.read_delta(&mut input, at, size)?;
                    self.by_offset.entry(base).or_default().push(delta);
                }
                NAMED => {
                    let mut base = [0; 20];
                    input.read_exact(&mut base)?;
                    let delta = self.read_delta(&mut input, at, size)?;
                    self.by_name.entry(GitOid(base)).or_default().push(delta);
                }
                number => {
                    let Some(kind) = kind(number) else { return refused(format!("an entry is of kind {number}")) };
                    let data = input.position;
                    let oid = self.read_whole(&mut input, kind, size)?;
                    self.objects.insert(oid, Object { kind, size, place: Place::Packed(data) });
                    names.insert(at, oid);
                }
            }
        }
        let expected = input.trailer()?;
        let mut trailer = [0; 20];
        input.read_exact(&mut trailer)?;
        if trailer != expected {
            return refused("the pack was damaged on its way: its checksum is another one");
        }
        if input.read(&mut [0])? != 0 {
            return refused("something follows the pack");
        }
        Ok(names)
    }

    fn spend(&mut self, bytes: u64) -> Result<()> {
        match self.budget.checked_sub(bytes) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => refused("the pack holds far more than it is long: push it in parts"),
        }
    }

    /// An object that is no delta. Only what has to be looked at is held whole.
    fn read_whole(&mut self, input: &mut Counted, kind: ObjectKind, size: u64) -> Result<GitOid> {
        let is_held = kind != ObjectKind::Blob;
        if is_held && size > LONGEST {
            return refused(format!("a {} has {size} bytes; at most {LONGEST} are taken", kind.as_str()));
        }
        self.spend(size)?;
        let mut hasher = Hasher::new(kind, size);
        let mut held = Vec::new();
        inflate(input, size, |piece| {
            hasher.update(piece);
            if is_held {
                held.extend_from_slice(piece);
            }
        })?;
        let oid = hasher.finish()?;
        self.check(kind, oid, &held)?;
        Ok(oid)
    }

    fn check(&self, kind: ObjectKind, oid: GitOid, bytes: &[u8]) -> Result<()> {
        match fsck::objection(kind, bytes) {
            Some(why) => refused(format!("{} {oid}: {why}", kind.as_str())),
            None => Ok(()),
        }
    }

    fn read_delta(&mut self, input: &mut Counted, at: u64, size: u64) -> Result<Delta> {
        if size > LONGEST {
            return refused(format!("a delta has {size} bytes; at most {LONGEST} are taken"));
        }
        self.spend(size)?;
        let data = input.position;
        inflate(input, size, |_| ())?;
        Ok(Delta { data, size, at })
    }

    /// Makes what can be made of the objects that are there.
    fn resolve(&mut self, names: HashMap<u64, GitOid>) -> Result<()> {
        let mut roots: Vec<(u64, GitOid)> = names.into_iter().collect();
        roots.sort_unstable();
        for (at, oid) in roots {
            if self.by_offset.contains_key(&at) || self.by_name.contains_key(&oid) {
                let object = self.objects[&oid];
                if object.size > self.longest(object.kind) {
                    return refused(format!("{oid} has {} bytes, and deltas are made of it", object.size));
                }
                let base = Arc::new(self.bytes_of(&object)?);
                self.make(object.kind, Some(at), oid, base)?;
            }
        }
        Ok(())
    }

    /// How long an object may be that is held whole.
    fn longest(&self, kind: ObjectKind) -> u64 {
        if kind == ObjectKind::Blob { self.limits.blob } else { LONGEST }
    }

    /// Applies the deltas of a base, and those of what they make.
    fn make(&mut self, kind: ObjectKind, at: Option<u64>, oid: GitOid, base: Arc<Vec<u8>>) -> Result<()> {
        let mut open = Vec::new();
        self.wait_for(at, oid, base, &mut open);
        while let Some((delta, base)) = open.pop() {
            let instructions = self.inflate_at(delta.data, delta.size)?;
            let (_, size) = delta_lengths(&instructions).map_err(|error| BadPack::Refused(error.to_string()))?;
            let most = self.longest(kind);
            if size > most {
                return refused(format!("a {} has {size} bytes; at most {most} are taken", kind.as_str()));
            }
            self.spend(size)?;
            let made = apply_delta(&base, &instructions, usize::try_from(most).unwrap_or(usize::MAX));
            let made = made.map_err(|error| BadPack::Refused(error.to_string()))?;
            drop(base);
            let mut hasher = Hasher::new(kind, size);
            hasher.update(&made);
            let oid = hasher.finish()?;
            self.check(kind, oid, if kind == ObjectKind::Blob { &[] } else { &made })?;
            if !self.objects.contains_key(&oid) {
                self.made.write_all(&made).map_err(BadPack::Disk)?;
                self.objects.insert(oid, Object { kind, size, place: Place::Made(self.made_bytes) });
                self.made_bytes += size;
            }
            self.wait_for(Some(delta.at), oid, Arc::new(made), &mut open);
        }
        Ok(())
    }

    /// Takes the deltas that wait for this object.
    fn wait_for(&mut self, at: Option<u64>, oid: GitOid, base: Arc<Vec<u8>>, open: &mut Vec<(Delta, Arc<Vec<u8>>)>) {
        let waiting = at.and_then(|at| self.by_offset.remove(&at)).into_iter().flatten();
        let named = self.by_name.remove(&oid).into_iter().flatten();
        open.extend(waiting.chain(named).map(|delta| (delta, base.clone())));
    }

    /// An object that deltas of this pack need and it does not have; none where all is there.
    pub fn needs(&self) -> Option<GitOid> {
        self.by_name.keys().next().copied()
    }

    /// Gives it an object that it needs.
    pub fn give(&mut self, oid: GitOid, kind: ObjectKind, bytes: &[u8]) -> Result<()> {
        self.make(kind, None, oid, Arc::new(bytes.to_vec()))
    }

    /// The pack, when it needs nothing more.
    pub fn finish(self) -> Result<Index> {
        if let Some((at, _)) = self.by_offset.first_key_value() {
            return refused(format!("a delta's base should lie at {at}, where no object begins"));
        }
        if let Some(oid) = self.needs() {
            return refused(format!("{oid}, of which the pack has deltas, is neither in it nor there"));
        }
        let made = self.made.into_inner().map_err(|error| BadPack::Disk(error.into_error()))?;
        Ok(Index { file: self.file, made, objects: self.objects })
    }

    fn bytes_of(&self, object: &Object) -> Result<Vec<u8>> {
        match object.place {
            Place::Packed(data) => self.inflate_at(data, object.size),
            Place::Made(_) => refused("an object that was made is asked for as a base again"),
        }
    }

    fn inflate_at(&self, data: u64, size: u64) -> Result<Vec<u8>> {
        inflate_at(&self.file, data, size)
    }
}

impl Index {
    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// How long an object is; none where the pack has none of this id.
    pub fn size(&self, oid: GitOid) -> Option<u64> {
        self.objects.get(&oid).map(|object| object.size)
    }

    /// Id and size of those of a kind.
    pub fn of_kind(&self, kind: ObjectKind) -> impl Iterator<Item = (GitOid, u64)> {
        let of_kind = self.objects.iter().filter(move |(_, object)| object.kind == kind);
        of_kind.map(|(oid, object)| (*oid, object.size))
    }

    /// An object; none where the pack has none of this id.
    pub fn read(&self, oid: GitOid) -> Result<Option<(ObjectKind, Bytes)>> {
        let Some(object) = self.objects.get(&oid) else { return Ok(None) };
        let bytes = match object.place {
            Place::Packed(data) => inflate_at(&self.file, data, object.size)?,
            Place::Made(at) => {
                let mut bytes = vec![0; usize::try_from(object.size).unwrap_or(usize::MAX)];
                self.made.read_exact_at(&mut bytes, at)?;
                bytes
            }
        };
        Ok(Some((object.kind, bytes.into())))
    }
}

/// Inflates what was inflated before, so its length is known to be true.
fn inflate_at(file: &File, data: u64, size: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(usize::MAX));
    let capacity = usize::try_from(size).unwrap_or(PIECE).clamp(512, PIECE);
    let input = BufReader::with_capacity(capacity, At { file, position: data });
    ZlibDecoder::new(input).take(size).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file from some place on, whoever else reads it.
struct At<'a> {
    file: &'a File,
    position: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let got = self.file.read_at(buffer, self.position)?;
        self.position += got as u64;
        Ok(got)
    }
}

/// Inflates one entry of just this size, and stands behind it afterwards.
fn inflate(input: &mut Counted, size: u64, mut take: impl FnMut(&[u8])) -> Result<()> {
    let mut decoder = ZlibDecoder::new(&mut *input);
    let mut piece = [0; PIECE];
    let mut left = size;
    loop {
        let got = decoder.read(&mut piece)?;
        if got == 0 {
            break;
        }
        left = match left.checked_sub(got as u64) {
            Some(left) => left,
            None => return refused("an entry of the pack is longer than it says"),
        };
        take(&piece[..got]);
    }
    match left {
        0 => Ok(()),
        _ => refused("an entry of the pack is shorter than it says"),
    }
}

/// The pack as it is read, hashed, and counted.
struct Counted {
    input: BufReader<File>,
    position: u64,
    hasher: sha1::Sha1,
}

impl Counted {
    fn new(file: File) -> Self {
        Self { input: BufReader::with_capacity(1 << 18, file), position: 0, hasher: sha1::Sha1::new() }
    }

    /// The checksum of all that was read.
    fn trailer(&mut self) -> Result<[u8; 20]> {
        Ok(self.hasher.clone().finalize().into())
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let available = std::io::BufRead::fill_buf(&mut self.input)?;
        let got = available.len().min(buffer.len());
        buffer[..got].copy_from_slice(&available[..got]);
        std::io::BufRead::consume(self, got);
        Ok(got)
    }
}

impl std::io::BufRead for Counted {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        let taken = &self.input.buffer()[..amount];
        self.hasher.update(taken);
        self.position += amount as u64;
        self.input.consume(amount);
    }
}

/// An object's name, with the SHA-1 that notices when somebody made two of one name.
struct Hasher(sha1_checked::Sha1);

impl Hasher {
    fn new(kind: ObjectKind, size: u64) -> Self {
        let mut hasher = sha1_checked::Sha1::new();
        hasher.update(format!("{} {size}\0", kind.as_str()));
        Self(hasher)
    }

    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(self) -> Result<GitOid> {
        let result = self.0.try_finalize();
        match result.has_collision() {
            false => Ok(GitOid((*result.hash()).into())),
            true => refused("an object is one of two that were made to have one SHA-1"),
        }
    }
}

/// Kind and length of an entry.
fn read_head(input: &mut impl Read) -> Result<(u8, u64)> {
    let first = read_byte(input)?;
    let (number, mut size, mut shift) = ((first >> 4) & 7, u64::from(first & 0xf), 4);
    let mut more = first & 0x80 != 0;
    while more {
        let byte = read_byte(input)?;
        if shift > 56 {
            return refused("an entry of the pack has a length beyond all measure");
        }
        size |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        more = byte & 0x80 != 0;
    }
    Ok((number, size))
}

/// How far back a base lies.
fn read_offset(input: &mut impl Read) -> Result<u64> {
    let mut byte = read_byte(input)?;
    let mut offset = u64::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        if offset >= 1 << 55 {
            return refused("a delta's base lies beyond all measure");
        }
        byte = read_byte(input)?;
        offset = ((offset + 1) << 7) | u64::from(byte & 0x7f);
    }
    Ok(offset)
}

fn read_byte(input: &mut impl Read) -> Result<u8> {
    let mut byte = [0];
    input.read_exact(&mut byte)?;
    Ok(byte[0])
}
