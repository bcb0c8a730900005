//! Headers of safetensors files, as <https://huggingface.co/docs/safetensors/index#format> has them: eight bytes with a
//! little-endian length, then so many bytes of JSON, which maps the name of each tensor to its type, shape and place; the
//! rest of the file is the tensors.
//!
//! Nothing is kept but sums, so a header with a million tensors takes no more than its text. Whatever it says is held
//! against the size of the file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ballast_contract::downloader::SourceFile;
use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::ByteRange;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::repository::{OPERATION, Repository};

/// The longest header that is read. The format allows 100 MB; the largest models have some hundred KiB in each file.
const MAX_HEADER: u64 = 16 << 20;
/// What is read at first: most headers are within it.
const FIRST: u64 = 64 << 10;
/// The most names of adapted modules that are kept.
const MAX_MODULES: usize = 64;

/// What a header says.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Header {
    /// The number of values in all tensors.
    pub(crate) parameters: u64,
    /// The same by type of number, as the format writes it: `BF16`.
    pub(crate) by_type: BTreeMap<String, u64>,
    /// Its free texts.
    pub(crate) metadata: BTreeMap<String, String>,
    /// The least dimension of the tensors that lead down to a low rank.
    pub(crate) rank: Option<u64>,
    /// The last name of what low-rank tensors adapt: `q_proj`.
    pub(crate) modules: BTreeSet<String>,
    /// The bytes of all tensors.
    bytes: u64,
    /// Where the last tensor ends.
    end: u64,
}

impl Header {
    /// The type of most numbers.
    pub(crate) fn main_type(&self) -> Option<&str> {
        self.by_type.iter().max_by_key(|(_, count)| **count).map(|(name, _)| name.as_str())
    }
}

/// Reads a file's header. `Corrupt` where it says what cannot be.
pub(crate) async fn read(repository: &Repository<'_>, file: &SourceFile) -> Result<Header> {
    let mut bytes = repository.read(file, ByteRange { start: 0, end: FIRST }).await?;
    let length = bytes.first_chunk().map(|length| u64::from_le_bytes(*length));
    let length = length.ok_or_else(|| lie("it is shorter than its own length".to_owned()))?;
    if length > MAX_HEADER || length > file.size.saturating_sub(8) {
        return Err(lie(format!("its header is said to be {length} bytes long, in a file of {}", file.size)));
    }
    let end = 8 + length;
    if end > FIRST {
        bytes.extend(repository.read(file, ByteRange { start: FIRST, end }).await?);
    }
    let text = bytes.get(8..end as usize).ok_or_else(|| lie("it ends within its header".to_owned()))?;
    parse(text, file.size - end)
}

fn parse(text: &[u8], data: u64) -> Result<Header> {
    let header: Header = serde_json::from_slice(text).map_err(|error| lie(format!("its header is wrong: {error}")))?;
    if header.end > data || header.bytes > data {
        return Err(lie(format!("its tensors take {} bytes, and it has {data}", header.end.max(header.bytes))));
    }
    Ok(header)
}

fn lie(what: String) -> Error {
    Error::new(ErrorKind::Corrupt, OPERATION, format!("it is no safetensors file: {what}"))
}

/// Bits of one number; none of types that came after this was written.
pub(crate) fn bits(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F4" => 4,
        "F6_E2M3" | "F6_E3M2" => 6,
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" => 8,
        "U16" | "I16" | "F16" | "BF16" => 16,
        "U32" | "I32" | "F32" => 32,
        "U64" | "I64" | "F64" | "C64" => 64,
        _ => return None,
    })
}

/// What stands behind a tensor's name.
#[derive(serde::Deserialize)]
struct Tensor {
    dtype: String,
    shape: Shape,
    data_offsets: (u64, u64),
}

/// The dimensions, of which only what is wanted is kept.
struct Shape {
    values: u64,
    least: u64,
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Dimensions;
        impl<'de> Visitor<'de> for Dimensions {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of dimensions")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Shape, A::Error> {
                let mut shape = Shape { values: 1, least: u64::MAX };
                while let Some(length) = seq.next_element::<u64>()? {
                    let values = shape.values.checked_mul(length);
                    shape.values = values.ok_or_else(|| A::Error::custom("a tensor has too many values to count"))?;
                    shape.least = shape.least.min(length);
                }
                Ok(shape)
            }
        }
        deserializer.deserialize_seq(Dimensions)
    }
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Tensors;
        impl<'de> Visitor<'de> for Tensors {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Header, A::Error> {
                let mut header = Header::default();
                while let Some(name) = map.next_key::<String>()? {
                    match name.as_str() {
                        "__metadata__" => header.metadata = map.next_value()?,
                        _ => header.add(&name, &map.next_value()?).map_err(A::Error::custom)?,
                    }
                }
                Ok(header)
            }
        }
        deserializer.deserialize_map(Tensors)
    }
}

impl Header {
    fn add(&mut self, name: &str, tensor: &Tensor) -> std::result::Result<(), &'static str> {
        let (start, end) = tensor.data_offsets;
        let bytes = end.checked_sub(start).ok_or("a tensor ends before it begins")?;
        let said = bits(&tensor.dtype).map(|bits| tensor.shape.values.checked_mul(bits).map(|bits| bits.div_ceil(8)));
        if said.is_some_and(|said| said != Some(bytes)) {
            return Err("a tensor has another length than its shape");
        }
        if said.is_none() && tensor.shape.values > bytes.saturating_mul(8) {
            return Err("a tensor has more values than bits");
        }
        self.bytes = self.bytes.checked_add(bytes).ok_or("the tensors are too long to count")?;
        self.end = self.end.max(end);
        self.parameters = self.parameters.checked_add(tensor.shape.values).ok_or("too many values to count")?;
        match self.by_type.get_mut(&tensor.dtype) {
            Some(count) => *count += tensor.shape.values,
            None => _ = self.by_type.insert(tensor.dtype.clone(), tensor.shape.values),
        }
        self.adapt(name, &tensor.shape);
        Ok(())
    }

    /// Low-rank tensors by the names of PEFT (`….q_proj.lora_A.weight`), diffusers (`….lora.down.weight`) and kohya
    /// (`lora_unet_…_to_q.lora_down.weight`).
    fn adapt(&mut self, name: &str, shape: &Shape) {
        let marks = [".lora_A.", ".lora_down.", ".lora.down.", ".lora_linear_layer.down."];
        let Some((module, _)) = marks.iter().find_map(|mark| name.split_once(mark)) else { return };
        self.rank = Some(self.rank.unwrap_or(u64::MAX).min(shape.least));
        let last = module.rsplit('.').next().unwrap_or(module);
        if self.modules.len() < MAX_MODULES && !self.modules.contains(last) {
            self.modules.insert(last.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::testing::{Fake, opened, safetensors};

    async fn header(bytes: Vec<u8>) -> Result<Header> {
        let size = bytes.len() as u64;
        announced(bytes, size).await
    }

    async fn announced(bytes: Vec<u8>, size: u64) -> Result<Header> {
        let fake = Fake::default().large("model.safetensors", bytes, size);
        let repository = opened(&fake).await;
        read(&repository, repository.find("model.safetensors").unwrap()).await
    }

    fn raw(length: u64, text: &str) -> Vec<u8> {
        [&length.to_le_bytes(), text.as_bytes(), &[0; 64]].concat()
    }

    #[tokio::test]
    async fn values_are_counted_by_type() {
        let bytes = safetensors(&[("a", "BF16", &[3, 5]), ("b", "F32", &[2]), ("c", "BF16", &[])], &[("format", "pt")]);
        let header = header(bytes).await.unwrap();
        assert_eq!((header.parameters, header.main_type()), (18, Some("BF16")));
        assert_eq!(header.by_type, BTreeMap::from([("BF16".to_owned(), 16), ("F32".to_owned(), 2)]));
        assert_eq!(header.metadata["format"], "pt");
    }

    #[tokio::test]
    async fn a_header_longer_than_the_first_read_is_read_in_two_and_the_tensors_are_not() {
        let names: Vec<_> = (0..2000).map(|n| format!("model.layers.{n}.self_attn.q_proj.weight")).collect();
        let tensors: Vec<_> = names.iter().map(|name| (name.as_str(), "F16", [1, 4096].as_slice())).collect();
        let mut bytes = safetensors(&tensors, &[]);
        let (size, header_length) = (bytes.len() as u64, bytes.len() as u64 - 2000 * 8192);
        bytes.truncate(header_length as usize);
        let fake = Fake::default().large("model.safetensors", bytes, size);
        let repository = opened(&fake).await;
        let header = read(&repository, repository.find("model.safetensors").unwrap()).await.unwrap();
        assert_eq!(header.parameters, 2000 * 4096);
        let ends: Vec<_> = fake.reads().into_iter().map(|(_, range)| range.end).collect();
        assert_eq!(ends, [FIRST, header_length]);
    }

    #[tokio::test]
    async fn low_rank_tensors_are_known_by_their_names() {
        let tensors: &[(&str, &str, &[u64])] = &[
            ("base_model.model.layers.0.self_attn.q_proj.lora_A.weight", "F32", &[16, 64]),
            ("base_model.model.layers.0.self_attn.q_proj.lora_B.weight", "F32", &[64, 16]),
            ("base_model.model.layers.0.self_attn.v_proj.lora_A.weight", "F32", &[16, 64]),
        ];
        let header = header(safetensors(tensors, &[])).await.unwrap();
        assert_eq!(header.rank, Some(16));
        assert_eq!(header.modules.into_iter().collect::<Vec<_>>(), ["q_proj", "v_proj"]);
    }

    #[tokio::test]
    async fn a_header_that_lies_is_corrupt() {
        let tensor = |dtype: &str, shape: &str, offsets: &str| {
            let text = format!(r#"{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#);
            raw(text.len() as u64, &text)
        };
        let twice = r#"{"a":{"dtype":"U8","shape":[40],"data_offsets":[0,40]},"b":{"dtype":"U8","shape":[40],"data_offsets":[0,40]}}"#;
        let nested = format!(r#"{{"a":{}}}"#, "[".repeat(50_000));
        let lies = [
            vec![],
            vec![1, 2, 3],
            raw(u64::MAX, "{}"),
            raw(1 << 40, "{}"),
            raw(100, "{}"),
            raw(2, "[]"),
            raw(0, ""),
            tensor("U8", "[65]", "[0,65]"),
            tensor("U8", "[8]", "[60,68]"),
            tensor("U8", "[8]", "[0,9]"),
            tensor("U8", "[8]", "[8,0]"),
            tensor("F32", "[4294967296,4294967296,4294967296]", "[0,8]"),
            tensor("U64", "[4611686018427387904]", "[0,0]"),
            tensor("NEW", "[4611686018427387904]", "[0,8]"),
            tensor("U8", "[-1]", "[0,8]"),
            tensor("U8", "8", "[0,8]"),
            raw(twice.len() as u64, twice),
            raw(nested.len() as u64, &nested),
        ];
        for (number, bytes) in lies.into_iter().enumerate() {
            let error = header(bytes).await.unwrap_err();
            assert!(error.is(ErrorKind::Corrupt), "{number}: {error}");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_shorter_than_it_was_said_to_be_is_corrupt() {
        let mut bytes = safetensors(&[("a", "F32", &[2])], &[]);
        let size = bytes.len() as u64;
        bytes.truncate(30);
        assert!(announced(bytes, size).await.unwrap_err().is(ErrorKind::Corrupt));
    }

    #[tokio::test]
    async fn a_header_with_any_byte_changed_is_read_or_corrupt_and_nothing_worse() {
        let bytes = safetensors(&[("a.lora_A.weight", "F16", &[4, 8]), ("b", "I32", &[2])], &[("format", "pt")]);
        let mut wrong = 0;
        for at in 0..bytes.len() - 72 {
            for value in [0, b'0', b'9', b'-', b'"', b'[', b'}', 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                wrong += usize::from(header(bytes).await.is_err_and(|error| error.is(ErrorKind::Corrupt)));
            }
        }
        assert!(wrong > bytes.len(), "{wrong}");
    }
}
