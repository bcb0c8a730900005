//! Datasets: which splits there are, by the card's configurations or by the names of files, and in which formats.
//!
//! The rules for names are those of <https://huggingface.co/docs/hub/datasets-file-names-and-splits>: a word for a split
//! stands alone in a folder's or a file's name.

use std::collections::{BTreeMap, BTreeSet};

use ballast_contract::downloader::SourceFile;
use globset::{GlobBuilder, GlobMatcher};
use serde::Serialize;
use serde_json::Value;

use super::card::many;
use super::report::human;
use super::repository::Repository;

/// The most configurations and patterns of a card that are read, and the longest pattern.
const MAX_CONFIGS: usize = 1000;
const MAX_PATTERNS: usize = 1000;
const MAX_PATTERN: usize = 256;
/// The most work that matching may be, as files times bytes of patterns: a few seconds if somebody means it badly.
const MAX_WORK: usize = 32_000_000;
/// After so many files others get their turn.
const TURN: usize = 64;

/// What is said of datasets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Dataset {
    /// Train, validation and test first.
    pub splits: Vec<DatasetSplit>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub configs: Vec<String>,
    /// The largest first.
    pub formats: Vec<&'static str>,
    /// The one to download.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_format: Option<&'static str>,
}

/// A split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DatasetSplit {
    pub name: String,
    pub file_count: u64,
    /// In bytes.
    pub size: u64,
    pub size_human: String,
}

/// Words that name splits, in the order in which splits are told.
const SPLITS: &[(&str, &[&str])] = &[
    ("train", &["train", "training"]),
    ("validation", &["validation", "valid", "val", "dev"]),
    ("test", &["test", "testing", "eval", "evaluation"]),
];

/// Looks at the repository.
pub(crate) async fn look(repository: &Repository<'_>) -> Dataset {
    let data: Vec<_> = repository.files.iter().filter_map(|file| Some((file, format(file)?))).collect();
    let mut formats = BTreeMap::<&str, u64>::new();
    for (file, format) in &data {
        let size = formats.entry(format).or_default();
        *size = size.saturating_add(file.size);
    }
    let mut formats: Vec<_> = formats.into_iter().collect();
    formats.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    let formats: Vec<_> = formats.into_iter().map(|(name, _)| name).collect();
    // Everybody reads Parquet, and in parts.
    let primary = formats.iter().find(|name| **name == "parquet").or(formats.first()).copied();
    let splits = splits(repository, &data).await;
    Dataset { splits, configs: configs(repository), primary_format: primary, formats }
}

/// The format of a file of data; none for others.
fn format(file: &SourceFile) -> Option<&'static str> {
    let name = file.path.file_name().to_ascii_lowercase();
    let mut ends = name.rsplit('.');
    let mut end = ends.next().filter(|end| end.len() < name.len())?;
    if matches!(end, "gz" | "bz2" | "xz" | "zst" | "lz4") {
        // Packed, it is what it is inside.
        end = ends.next().filter(|_| ends.next().is_some()).unwrap_or(end);
    }
    let aside = ["dataset_infos.json", "dataset_info.json", "state.json", "config.json"].contains(&name.as_str());
    Some(match end {
        "parquet" => "parquet",
        "arrow" | "feather" => "arrow",
        "csv" => "csv",
        "tsv" => "tsv",
        "json" if !aside => "json",
        "jsonl" | "ndjson" => "jsonl",
        "txt" if !matches!(name.as_str(), "license.txt" | "requirements.txt" | "readme.txt") => "text",
        "xml" => "xml",
        "tar" => "tar",
        "zip" | "gz" | "bz2" | "xz" | "zst" | "7z" | "tgz" => "archive",
        "h5" | "hdf5" => "hdf5",
        "npy" | "npz" => "numpy",
        "sqlite" | "db" => "sqlite",
        "lance" => "lance",
        "jpg" | "jpeg" | "png" | "webp" | "tif" | "tiff" | "bmp" | "gif" => "image",
        "wav" | "mp3" | "flac" | "ogg" | "m4a" | "opus" => "audio",
        "mp4" | "avi" | "mkv" | "mov" | "webm" => "video",
        "pdf" => "pdf",
        _ => return None,
    })
}

/// The names of the configurations on the card.
fn configs(repository: &Repository<'_>) -> Vec<String> {
    let named = ["configs", "dataset_info"].map(|key| repository.card.many(key)).into_iter().flatten();
    let names: BTreeSet<_> = named.filter_map(|config| config.get("config_name")?.as_str()).take(MAX_CONFIGS).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// The splits: what the card's patterns name, and without patterns what the files' names say. Data that nothing is said
/// of are for training.
async fn splits(repository: &Repository<'_>, data: &[(&SourceFile, &'static str)]) -> Vec<DatasetSplit> {
    let patterns = patterns(repository, data.len());
    let mut sums = BTreeMap::<String, (u64, u64)>::new();
    for (at, (file, _)) in data.iter().enumerate() {
        if at % TURN == TURN - 1 {
            tokio::task::yield_now().await;
        }
        let path = file.path.as_str();
        let matching = patterns.iter().filter(|(_, glob)| glob.is_match(path)).map(|(name, _)| name.as_str());
        let names: BTreeSet<_> =
            if patterns.is_empty() { worded(path).into_iter().collect() } else { matching.collect() };
        for name in names {
            let (count, size) = sums.entry(name.to_owned()).or_default();
            (*count, *size) = (*count + 1, size.saturating_add(file.size));
        }
    }
    if sums.is_empty() && !data.is_empty() {
        let size = data.iter().fold(0_u64, |sum, (file, _)| sum.saturating_add(file.size));
        sums.insert("train".to_owned(), (data.len() as u64, size));
    }
    let rank = |name: &str| SPLITS.iter().position(|(split, _)| *split == name).unwrap_or(SPLITS.len());
    let split = |(name, (file_count, size))| DatasetSplit { name, file_count, size, size_human: human(size) };
    let mut splits: Vec<_> = sums.into_iter().map(split).collect();
    splits.sort_by_key(|split| rank(&split.name));
    splits
}

/// The split that a word of a path names; that of the file's name before that of its folders.
fn worded(path: &str) -> Option<&'static str> {
    let split = |word: &str| SPLITS.iter().find(|(_, words)| words.contains(&word)).map(|(name, _)| *name);
    let lower = path.to_ascii_lowercase();
    lower.rsplit('/').find_map(|segment| segment.split(|letter: char| !letter.is_ascii_alphabetic()).find_map(split))
}

/// The patterns in `configs` of the card: `data_files` is a pattern, a list of them, or a list of `{split, path}`. None
/// where it would take too long to match so many files.
fn patterns(repository: &Repository<'_>, files: usize) -> Vec<(String, GlobMatcher)> {
    let (mut patterns, mut work) = (vec![], 0_usize);
    for entry in repository.card.many("configs").flat_map(|config| many(config.get("data_files"))) {
        let split = entry.get("split").and_then(Value::as_str).unwrap_or("train");
        let written = if entry.is_object() { entry.get("path") } else { Some(entry) };
        for pattern in many(written).filter_map(Value::as_str) {
            work = work.saturating_add(files.saturating_mul(pattern.len()));
            if patterns.len() == MAX_PATTERNS || work > MAX_WORK {
                repository.warn("README.md: too many patterns of data files; splits are told by names".to_owned());
                return vec![];
            }
            let sound = pattern.len() <= MAX_PATTERN && split.len() <= MAX_PATTERN;
            match GlobBuilder::new(pattern.trim_start_matches("./")).literal_separator(true).build() {
                Ok(glob) if sound => patterns.push((split.to_owned(), glob.compile_matcher())),
                _ => repository.warn("README.md: some patterns of data files make no sense".to_owned()),
            }
        }
    }
    patterns
}

#[cfg(test)]
mod tests {
    use ballast_types::RepoKind;
    use serde_json::json;

    use super::*;
    use crate::analyze::testing::Fake;

    async fn told(fake: &Fake) -> Dataset {
        fake.analyzed_as(RepoKind::Dataset).await.unwrap().details.dataset.unwrap()
    }

    async fn splits(fake: &Fake) -> Vec<(String, u64, u64)> {
        told(fake).await.splits.into_iter().map(|split| (split.name, split.file_count, split.size)).collect()
    }

    fn named(splits: &[(&str, u64, u64)]) -> Vec<(String, u64, u64)> {
        splits.iter().map(|(name, count, size)| ((*name).to_owned(), *count, *size)).collect()
    }

    #[tokio::test]
    async fn a_dataset_with_configurations_is_told_by_its_card() {
        let card = "---\nconfigs:\n- config_name: en\n  data_files:\n  - split: train\n    path: en/train-*\n  - split: test\n    \
                    path: [en/test-*, 'en/more/**']\n- config_name: de\n  data_files: de/*.csv\n---\n";
        let fake = Fake::default()
            .file("README.md", card)
            .large("en/train-00000-of-00002.parquet", "", 2048)
            .large("en/train-00001-of-00002.parquet", "", 2048)
            .large("en/test-00000-of-00001.parquet", "", 512)
            .large("en/more/a/b.parquet", "", 512)
            .large("de/all.csv", "", 1024);
        let split = |name: &str, count: u64, size: u64, human: &str| json!({"name": name, "file_count": count, "size": size, "size_human": human});
        assert_eq!(
            serde_json::to_value(told(&fake).await).unwrap(),
            json!({
                "splits": [split("train", 3, 5120, "5.0 KiB"), split("test", 2, 1024, "1.0 KiB")],
                "configs": ["de", "en"],
                "formats": ["parquet", "csv"],
                "primary_format": "parquet",
            })
        );
    }

    #[tokio::test]
    async fn names_of_files_and_folders_say_which_split_they_are() {
        let fake = Fake::default()
            .large("data/train-00000.parquet", "", 1)
            .large("data/my_validation_set.csv.gz", "", 2)
            .large("dev/x.jsonl", "", 3)
            .large("TEST/retrained.json", "", 4)
            .large("testament.txt", "", 5);
        assert_eq!(splits(&fake).await, named(&[("train", 1, 1), ("validation", 2, 5), ("test", 1, 4)]));
        assert_eq!(told(&fake).await.formats, ["text", "json", "jsonl", "csv", "parquet"]);
    }

    #[tokio::test]
    async fn data_of_which_nothing_is_said_are_for_training() {
        let fake =
            Fake::default().large("a.csv", "", 3).large("b.tar.gz", "", 4).file("README.md", "#").file("LICENSE", "x");
        assert_eq!(splits(&fake).await, named(&[("train", 2, 7)]));
        assert_eq!(splits(&Fake::default().file("README.md", "#").file(".gitattributes", "")).await, []);
    }

    #[tokio::test]
    async fn more_patterns_than_there_is_time_for_leave_the_names() {
        let many = |count: usize| format!("---\nconfigs:\n- data_files: [{}]\n---\n", "'a/*',".repeat(count));
        let fake = |count| Fake::default().file("README.md", many(count)).large("a/test.csv", "", 9);
        assert_eq!(splits(&fake(MAX_PATTERNS)).await, named(&[("train", 1, 9)]));
        assert_eq!(splits(&fake(MAX_PATTERNS + 1)).await, named(&[("test", 1, 9)]));
    }

    #[tokio::test]
    async fn a_card_that_makes_no_sense_leaves_the_names() {
        let long = format!("configs: [{{data_files: {}}}]", "*a".repeat(4000));
        for yaml in [
            "configs: 7",
            "configs: [[], {data_files: {split: [], path: {}}}, x]",
            "configs: [{data_files: '[[a-'}]",
            &long,
        ] {
            let fake = Fake::default().file("README.md", format!("---\n{yaml}\n---\n")).large("test.csv", "", 9);
            assert_eq!(splits(&fake).await, named(&[("test", 1, 9)]), "{}", &yaml[..yaml.len().min(50)]);
        }
    }
}
