//! Which files of a repository are its weights, and how many numbers they hold.

use std::collections::BTreeMap;

use ballast_contract::Result;
use ballast_contract::downloader::SourceFile;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::config::{self, ModelConfig};
use super::report::human;
use super::repository::{Repository, total};
use super::safetensors::{self, Header};

/// The most pieces whose headers are all read; of more the first stands for the others.
const MAX_HEADERS: usize = 16;
/// How many headers are read at once.
const AT_ONCE: usize = 4;

/// A file of weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WeightFile {
    pub path: String,
    pub name: String,
    /// In bytes.
    pub size: u64,
    pub size_human: String,
    pub format: &'static str,
    /// Counted from 0, where the weights are in pieces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard_total: Option<u64>,
}

impl From<&SourceFile> for WeightFile {
    fn from(file: &SourceFile) -> Self {
        let shard = shard(file.path.file_name());
        Self {
            path: file.path.as_str().to_owned(),
            name: file.path.file_name().to_owned(),
            size: file.size,
            size_human: human(file.size),
            format: format(file).unwrap_or_default(),
            shard_index: shard.map(|shard| shard.index),
            shard_total: shard.map(|shard| shard.total),
        }
    }
}

/// A piece of a file: `model-00002-of-00009.safetensors` is the second of nine of `model`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard<'a> {
    pub(crate) whole: &'a str,
    /// Counted from 0.
    pub(crate) index: u64,
    pub(crate) total: u64,
}

/// What piece a file is by its name or path.
pub(crate) fn shard(name: &str) -> Option<Shard<'_>> {
    let number = |text: &str| {
        let written = (5..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        written.then(|| text.parse::<u64>().ok()).flatten()
    };
    let (rest, total) = name.rsplit_once('.')?.0.rsplit_once("-of-")?;
    let (whole, index) = rest.rsplit_once('-')?;
    Some(Shard { whole, index: number(index)?.checked_sub(1)?, total: number(total)? })
}

/// The format of a file of weights; none for other files, also where they end like one.
pub(crate) fn format(file: &SourceFile) -> Option<&'static str> {
    let name = file.path.file_name().to_ascii_lowercase();
    let others = ["training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.bin", "scheduler.pt", "scaler.pt"];
    if others.contains(&name.as_str()) || name.starts_with("rng_state") {
        return None;
    }
    match name.rsplit_once('.')?.1 {
        "safetensors" => Some("safetensors"),
        "bin" => Some("bin"),
        "pt" => Some("pt"),
        "pth" => Some("pth"),
        "ckpt" => Some("ckpt"),
        "h5" => Some("h5"),
        "msgpack" => Some("msgpack"),
        "nemo" => Some("nemo"),
        _ => None,
    }
}

/// The weights of a model.
#[derive(Debug, Default)]
pub(crate) struct Weights<'a> {
    /// All files of weights in no folder, in every format.
    pub(crate) files: Vec<&'a SourceFile>,
    /// Those that make up the model once.
    pub(crate) main: Vec<&'a SourceFile>,
    pub(crate) parameters: Option<u64>,
    /// `bf16`
    pub(crate) precision: Option<String>,
}

impl<'a> Weights<'a> {
    /// Finds the files.
    pub(crate) fn find(repository: &'a Repository<'_>) -> Self {
        let files: Vec<_> = repository.root().filter(|file| format(file).is_some()).collect();
        let safetensors = |file: &&&SourceFile| format(file) == Some("safetensors");
        let some = if files.iter().any(|file| safetensors(&file)) {
            main(files.iter().filter(safetensors).copied())
        } else {
            main(files.iter().copied())
        };
        Self { main: some, files, ..Self::default() }
    }

    /// The bytes of the model once.
    pub(crate) fn size(&self) -> u64 {
        total(self.main.iter().copied())
    }

    /// How many pieces it is in; none where it is in one.
    pub(crate) fn shards(&self) -> Option<usize> {
        (self.main.len() > 1).then_some(self.main.len())
    }

    /// Counts what is in them, by their headers; where they have none, by their size and what the config says.
    pub(crate) async fn count(&mut self, repository: &Repository<'_>, model: &ModelConfig) -> Result<()> {
        let exact = self.main.iter().all(|file| format(file) == Some("safetensors"));
        let headers = if exact { headers(repository, &self.main).await? } else { vec![] };
        let mut types = BTreeMap::<&str, u64>::new();
        for (name, count) in headers.iter().flat_map(|(header, _)| &header.by_type) {
            let sum = types.entry(name).or_default();
            *sum = sum.saturating_add(*count);
        }
        let most = types.iter().max_by_key(|(_, count)| **count).map(|(name, _)| *name);
        self.precision = most.or(model.dtype.as_deref()).map(config::precision);
        let counted = headers.iter().fold(0_u64, |sum, (header, _)| sum.saturating_add(header.parameters));
        self.parameters = match total(headers.iter().map(|(_, file)| *file)) {
            0 => self.precision.as_deref().and_then(config::width).map(|width| self.size() / width),
            // All of it, unless some headers were not read.
            read => Some((u128::from(counted) * u128::from(self.size()) / u128::from(read)) as u64),
        };
        self.parameters = self.parameters.filter(|parameters| *parameters > 0);
        Ok(())
    }
}

/// The headers of some files, or of the first of many. Those that are wrong are warned of.
async fn headers<'a>(repository: &Repository<'_>, files: &[&'a SourceFile]) -> Result<Vec<(Header, &'a SourceFile)>> {
    let some = if files.len() > MAX_HEADERS { &files[..1] } else { files };
    // Boxed, because the compiler cannot see that a stream of borrowing futures may be sent.
    let reads: Vec<_> = some.iter().map(|&file| header(repository, file).boxed()).collect();
    let read: Vec<_> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    Ok(read.into_iter().flatten().collect())
}

async fn header<'a>(repository: &Repository<'_>, file: &'a SourceFile) -> Result<Option<(Header, &'a SourceFile)>> {
    let header = safetensors::read(repository, file).await;
    Ok(repository.borne(file.path.as_str(), header)?.map(|header| (header, file)))
}

/// The files that make up one model: those called `model`, or of those that belong together the largest.
fn main<'a>(files: impl Iterator<Item = &'a SourceFile>) -> Vec<&'a SourceFile> {
    let mut groups = BTreeMap::<(&str, Option<&str>), Vec<&SourceFile>>::new();
    for file in files {
        let name = file.path.file_name();
        let whole =
            shard(name).map_or_else(|| name.rsplit_once('.').map_or(name, |(stem, _)| stem), |shard| shard.whole);
        groups.entry((whole, format(file))).or_default().push(file);
    }
    let rank = |whole: &str| matches!(whole, "model" | "pytorch_model");
    let best = groups.into_iter().max_by_key(|((whole, _), files)| (rank(whole), total(files.iter().copied())));
    best.map(|(_, files)| files).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::document::Document;
    use crate::analyze::testing::{Fake, opened, safetensors};

    async fn counted(fake: &Fake, dtype: &str) -> (usize, Option<u64>, Option<String>) {
        let repository = opened(fake).await;
        let config = Document::parse(format!(r#"{{"torch_dtype": "{dtype}"}}"#).as_bytes()).unwrap();
        let mut weights = Weights::find(&repository);
        weights.count(&repository, &ModelConfig::of(&config)).await.unwrap();
        (weights.main.len(), weights.parameters, weights.precision)
    }

    #[tokio::test]
    async fn one_format_is_counted_once_and_headers_are_believed_before_configs() {
        let one = safetensors(&[("a", "F16", &[100])], &[]);
        let fake = Fake::default()
            .file("model-00001-of-00002.safetensors", one.clone())
            .file("model-00002-of-00002.safetensors", one.clone())
            .file("consolidated.safetensors", one)
            .large("pytorch_model.bin", "", 1 << 30)
            .file("training_args.bin", "x")
            .file("onnx/model.safetensors", "x");
        assert_eq!(counted(&fake, "float32").await, (2, Some(200), Some("fp16".to_owned())));
    }

    #[tokio::test]
    async fn weights_without_headers_are_counted_by_their_size() {
        let fake = Fake::default().large("pytorch_model.bin", "", 1000).large("flax_model.msgpack", "", 9000);
        assert_eq!(counted(&fake, "bfloat16").await, (1, Some(500), Some("bf16".to_owned())));
        assert!(fake.reads().is_empty());
    }

    #[tokio::test]
    async fn of_many_pieces_the_first_stands_for_the_others() {
        let one = safetensors(&[("a", "BF16", &[1000])], &[]);
        let pieces = (1..=40).map(|n| format!("model-{n:05}-of-000040.safetensors"));
        let fake = pieces.fold(Fake::default(), |fake, piece| fake.file(&piece, one.clone()));
        assert_eq!(counted(&fake, "float32").await, (40, Some(40_000), Some("bf16".to_owned())));
        assert_eq!(fake.reads().len(), 1);
    }

    #[test]
    fn pieces_are_known_by_their_names() {
        let piece = |name| shard(name).map(|shard| (shard.whole, shard.index, shard.total));
        assert_eq!(piece("model-00002-of-00009.safetensors"), Some(("model", 1, 9)));
        assert_eq!(piece("a/b-00001-of-000163.gguf"), Some(("a/b", 0, 163)));
        for name in
            ["model.safetensors", "a-0-of-1.bin", "a-00000-of-00001.bin", "-of-.bin", "a-0000x-of-00001.bin", ""]
        {
            assert_eq!(piece(name), None, "{name}");
        }
    }
}
