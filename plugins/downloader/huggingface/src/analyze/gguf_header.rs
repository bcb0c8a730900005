//! Headers of GGUF files, as <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md> has them: magic, version and two
//! counts, then so many pairs of a key and a typed value, then so many names, shapes and types of tensors; the rest of
//! the file is the tensors.
//!
//! A header says nothing of its own length, and the vocabulary in it has megabytes. So it is read from its beginning in
//! growing steps until what is wanted is there: what describes the model stands before the vocabulary. Each length and
//! count is held against the size of the file before anything is done with it, and nothing is kept but short values.

use std::collections::BTreeMap;

use ballast_contract::downloader::SourceFile;
use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::ByteRange;

use super::gguf_cursor::{Cursor, Step, Stop, Value};
use super::repository::{OPERATION, Repository};

/// What is read at first: all that describes a model is mostly within it.
const FIRST: u64 = 64 << 10;
/// The most that is read of one header.
const MAX: u64 = 16 << 20;
/// The most values that are kept.
const MAX_VALUES: usize = 1024;
/// The longest key that the specification allows.
const MAX_KEY: u64 = 65_535;
/// The most dimensions of a tensor; GGML has four.
const MAX_DIMENSIONS: u32 = 8;

/// What a header says, as far as it was read.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Header {
    pub(crate) values: BTreeMap<String, Value>,
    /// The number of values in all tensors, where the header was read to its end.
    pub(crate) parameters: Option<u64>,
}

impl Header {
    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        match self.values.get(key) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match self.values.get(key) {
            Some(Value::Text(text)) => Some(text.trim()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }
}

/// Reads a file's header until `enough` is there, asked where the vocabulary begins, or to its end, or as far as is
/// allowed. `Corrupt` where it says what cannot be.
pub(crate) async fn read(
    repository: &Repository<'_>,
    file: &SourceFile,
    enough: impl Fn(&Header) -> bool + Send + Sync,
) -> Result<Header> {
    let (mut bytes, mut end) = (vec![], FIRST);
    loop {
        let start = bytes.len() as u64;
        bytes.extend(repository.read(file, ByteRange { start, end }).await?);
        let mut header = Header::default();
        match parse(Cursor::new(&bytes, file.size), &mut header, &enough) {
            Ok(()) => return Ok(header),
            Err(Stop::More) if (bytes.len() as u64) < end => {
                return Err(lie("it ends within its header"));
            }
            Err(Stop::More) if end == MAX => return Ok(header),
            Err(Stop::More) => end = (end * 4).min(MAX),
            Err(Stop::Lie(why)) => return Err(lie(why)),
        }
    }
}

fn lie(why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, OPERATION, format!("it is no GGUF file: {why}"))
}

/// Reads from the beginning.
fn parse(mut cursor: Cursor<'_>, header: &mut Header, enough: impl Fn(&Header) -> bool) -> Step<()> {
    if cursor.take(4)? != b"GGUF" {
        return Err(Stop::Lie("it does not begin with 'GGUF'"));
    }
    let version = cursor.u32()?;
    // A version below 65,536 read with the wrong end first.
    let turned = version & 0xffff == 0;
    if turned {
        cursor.turn();
    }
    match if turned { version.swap_bytes() } else { version } {
        2 | 3 => {}
        _ => return Err(Stop::Lie("its version is none of 2 and 3")),
    }
    let (tensors, pairs) = (cursor.u64()?, cursor.u64()?);
    // The shortest pair and the shortest description of a tensor.
    let least = pairs.checked_mul(8 + 4 + 1).and_then(|n| n.checked_add(tensors.checked_mul(8 + 4 + 4 + 8)?));
    if least.is_none_or(|least| !cursor.reaches(least)) {
        return Err(Stop::Lie("it is shorter than what it is said to hold"));
    }
    for _ in 0..pairs {
        let key = cursor.text(MAX_KEY)?;
        if key.starts_with("tokenizer.") && enough(header) {
            return Ok(());
        }
        let kind = cursor.u32()?;
        let value = cursor.value(kind)?;
        if let Some(value) = value.filter(|_| header.values.len() < MAX_VALUES && key.len() < 256) {
            header.values.insert(key, value);
        }
    }
    let mut parameters = 0_u64;
    for _ in 0..tensors {
        let values = tensor(&mut cursor)?;
        parameters = parameters.checked_add(values).ok_or(Stop::Lie("it has too many values to count"))?;
    }
    header.parameters = Some(parameters);
    Ok(())
}

/// The number of values of a tensor.
fn tensor(cursor: &mut Cursor<'_>) -> Step<u64> {
    cursor.text(MAX_KEY)?;
    let dimensions = cursor.u32()?;
    if dimensions > MAX_DIMENSIONS {
        return Err(Stop::Lie("it has a tensor with too many dimensions"));
    }
    let mut values = 1_u64;
    for _ in 0..dimensions {
        values = values.checked_mul(cursor.u64()?).ok_or(Stop::Lie("it has too many values to count"))?;
    }
    let (_kind, offset) = (cursor.u32()?, cursor.u64()?);
    match cursor.reaches(offset) {
        true => Ok(values),
        false => Err(Stop::Lie("it has a tensor behind its end")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::testing::{Fake, GgufFile, opened};

    async fn header(bytes: Vec<u8>, size: u64, enough: bool) -> (Result<Header>, u64) {
        let fake = Fake::default().large("a.gguf", bytes, size);
        let repository = opened(&fake).await;
        let header = read(&repository, repository.find("a.gguf").unwrap(), |_| enough).await;
        (header, fake.reads().iter().map(|(_, range)| range.len()).sum())
    }

    async fn whole(bytes: Vec<u8>) -> Result<Header> {
        let size = bytes.len() as u64;
        header(bytes, size, false).await.0
    }

    #[tokio::test]
    async fn values_of_every_type_are_read_and_tensors_are_counted() {
        let file = GgufFile::mistral()
            .entry("a.u8", 0, &[7])
            .entry("a.i16", 3, &[0xff, 0xff])
            .entry("a.i64", 11, &9_u64.to_le_bytes())
            .entry("a.f32", 6, &1_f32.to_le_bytes())
            .entry("a.bool", 7, &[1])
            .entry("a.list", 9, &[&4_u32.to_le_bytes()[..], &2_u64.to_le_bytes(), &[8, 0, 0, 0, 4, 0, 0, 0]].concat())
            .words("tokenizer.ggml.tokens", &["<s>", "", "hello"])
            .number("general.file_type", 15)
            .tensor("token_embd.weight", &[4096, 32_000])
            .tensor("output_norm.weight", &[4096]);
        let header = whole(file.bytes()).await.unwrap();
        assert_eq!(header.text("general.architecture"), Some("llama"));
        let numbers = ["llama.block_count", "a.u8", "a.i64", "general.file_type"].map(|key| header.number(key));
        assert_eq!(numbers, [Some(32), Some(7), Some(9), Some(15)]);
        assert_eq!(header.values["a.list"], Value::List(vec![8, 4]));
        assert!(
            ["a.i16", "a.f32", "a.bool", "tokenizer.ggml.tokens"].iter().all(|key| !header.values.contains_key(*key))
        );
        assert_eq!(header.parameters, Some(4096 * 32_001));
    }

    #[tokio::test]
    async fn the_vocabulary_is_not_read_where_nothing_behind_it_is_wanted() {
        let word = "x".repeat(1000);
        let file = GgufFile::mistral().words("tokenizer.ggml.tokens", &vec![word.as_str(); 3000]);
        let (read_all, all) = header(file.bytes(), 4 << 30, false).await;
        assert!(read_all.unwrap().parameters.is_some() && all > 3_000_000);
        let (read_some, some) = header(file.bytes(), 4 << 30, true).await;
        assert_eq!(read_some.unwrap().number("llama.block_count"), Some(32));
        assert_eq!(some, FIRST);
    }

    #[tokio::test]
    async fn what_stands_in_the_first_megabytes_is_told_of_a_header_without_end() {
        let endless = [&8_u32.to_le_bytes()[..], &(1_u64 << 28).to_le_bytes(), &vec![0; MAX as usize]].concat();
        let (header, read) =
            header(GgufFile::mistral().entry("tokenizer.ggml.tokens", 9, &endless).bytes(), 4 << 30, false).await;
        let header = header.unwrap();
        assert_eq!((header.number("llama.block_count"), header.parameters), (Some(32), None));
        assert_eq!(read, MAX);
    }

    #[tokio::test]
    async fn a_hub_that_sends_whole_files_is_read_as_far_as_is_wanted() {
        let long = "x".repeat(1000);
        let bytes =
            GgufFile::mistral().words("tokenizer.ggml.tokens", &vec![long.as_str(); 300]).tensor("t", &[7]).bytes();
        let size = bytes.len() as u64;
        let fake = Fake::default().large("a.gguf", [bytes, vec![0; 1 << 20]].concat(), size + (1 << 20)).whole();
        let repository = opened(&fake).await;
        let header = read(&repository, repository.find("a.gguf").unwrap(), |_| false).await.unwrap();
        assert_eq!((header.number("llama.block_count"), header.parameters), (Some(32), Some(7)));
    }

    #[tokio::test]
    async fn a_big_endian_file_is_read_too() {
        let head = [b"GGUF".as_slice(), &3_u32.to_be_bytes(), &0_u64.to_be_bytes(), &1_u64.to_be_bytes()].concat();
        let pair = [&1_u64.to_be_bytes()[..], b"n", &4_u32.to_be_bytes(), &42_u32.to_be_bytes()].concat();
        assert_eq!(whole([head, pair].concat()).await.unwrap().number("n"), Some(42));
    }

    #[tokio::test]
    async fn a_header_that_lies_is_corrupt() {
        let good = GgufFile::mistral().tensor("a", &[4]);
        let with = |count: u64, tensor_count: u64| {
            GgufFile { count, tensor_count, entries: good.entries.clone(), tensors: good.tensors.clone() }.bytes()
        };
        let long = |kind: u32, length: u64| [&kind.to_le_bytes()[..], &length.to_le_bytes(), &[0; 64]].concat();
        let nested: Vec<u8> = (0..40).flat_map(|_| long(9, 1)[..12].to_vec()).collect();
        let lies = [
            vec![],
            b"GGUF".to_vec(),
            b"GGML\x03\0\0\0".repeat(8),
            [b"GGUF".as_slice(), &[99, 0, 0, 0], &[0; 32]].concat(),
            with(u64::MAX, 1),
            with(good.count, u64::MAX),
            with(1 << 40, 1),
            with(good.count + 4, 1),
            GgufFile::new().entry("k", 8, &u64::MAX.to_le_bytes()).bytes(),
            GgufFile::new().entry("k", 9, &long(8, 1 << 60)).bytes(),
            GgufFile::new().entry("k", 9, &long(10, u64::MAX / 4)).bytes(),
            GgufFile::new().entry("k", 9, &long(9, 1 << 50)).bytes(),
            GgufFile::new().entry("k", 9, &nested).bytes(),
            GgufFile::new().entry("k", 77, &[0; 64]).bytes(),
            GgufFile::new().entry(&"k".repeat(70_000), 0, &[0; 64]).bytes(),
            GgufFile::new().tensor("t", &[1 << 40, 1 << 40]).bytes(),
            GgufFile::new().tensor("t", &[1; 9]).bytes(),
            GgufFile::new().tensor("a", &[1 << 63]).tensor("b", &[1 << 63]).bytes(),
        ];
        for (number, bytes) in lies.into_iter().enumerate() {
            let error = whole(bytes).await.unwrap_err();
            assert!(error.is(ErrorKind::Corrupt), "{number}: {error}");
        }
    }

    #[tokio::test]
    async fn a_header_cut_anywhere_is_corrupt_and_nothing_worse() {
        let bytes = GgufFile::mistral().words("w", &["a", "b"]).tensor("t", &[2, 3]).bytes();
        for length in 0..bytes.len() {
            assert!(whole(bytes[..length].to_vec()).await.is_err(), "{length}");
        }
        assert_eq!(whole(bytes).await.unwrap().parameters, Some(6));
    }

    #[tokio::test]
    async fn a_header_with_any_byte_changed_is_read_or_corrupt_and_nothing_worse() {
        let words = GgufFile::mistral().words("tokenizer.ggml.tokens", &["a", "b"]).number("general.file_type", 2);
        let bytes = words.tensor("t", &[2, 3]).bytes();
        let mut wrong = 0;
        for at in 0..bytes.len() {
            for value in [0, 1, 8, 9, 0x7f, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                wrong += usize::from(whole(bytes).await.is_err_and(|error| error.is(ErrorKind::Corrupt)));
            }
        }
        assert!(wrong > bytes.len(), "{wrong}");
    }
}
