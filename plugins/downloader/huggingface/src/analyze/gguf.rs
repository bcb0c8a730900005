//! GGUF repositories: one model, in files of many quantisations of which people download one.

use std::collections::BTreeMap;

use ballast_contract::Result;
use ballast_contract::downloader::SourceFile;
use serde::Serialize;

use super::gguf_cursor::Value;
use super::gguf_header::{self, Header};
use super::memory::{self, Attention};
use super::quantizations::{self, Quantization};
use super::report::{FileInfo, count, human};
use super::repository::{Repository, shown, total};
use super::weights::shard;

/// The most headers that are read.
const MAX_ASKED: usize = 8;
/// The most choices that are told, and pieces that are listed of one.
const MAX_CHOICES: usize = 500;
const MAX_PIECES: usize = 100;

/// What is said of GGUF repositories.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gguf {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_name: Option<String>,
    /// As people say it: `7B`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter_count: Option<String>,
    /// Smallest first.
    pub quantizations: Vec<GgufQuantization>,
}

/// One of the choices.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GgufQuantization {
    pub name: String,
    /// The file; the first one where it is split.
    pub file: FileInfo,
    /// All of them, where it is split.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileInfo>,
    /// 1 to 5.
    pub quality: u8,
    pub quality_stars: String,
    /// In bytes, by the formula of `memory.rs`.
    pub estimated_ram: u64,
    pub estimated_ram_human: String,
    pub description: String,
    /// The smallest of good quality.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recommended: bool,
}

/// Files that are used together.
struct Choice<'a> {
    files: Vec<&'a SourceFile>,
    /// What it is a quantisation of, by its name; its path where that names no quantisation.
    model: String,
    quantization: Option<(&'static Quantization, String)>,
}

/// Looks at the repository. One header for each model in it, of which there is mostly one: it describes all choices, and
/// says of a file whose name does not how it is quantised.
pub(crate) async fn look(repository: &Repository<'_>) -> Result<Gguf> {
    let mut choices = choices(repository);
    let mut headers = BTreeMap::<String, Header>::new();
    for choice in &mut choices {
        if headers.len() == MAX_ASKED || headers.contains_key(&choice.model) {
            continue;
        }
        let (nameless, named) = (choice.quantization.is_none(), size_in(&stem(choice.name())).is_some());
        let enough = |header: &Header| {
            let sized = named || header.text("general.size_label").is_some();
            attention(header).is_some() && sized && (!nameless || header.number("general.file_type").is_some())
        };
        let read = gguf_header::read(repository, choice.files[0], enough).await;
        let header = repository.borne(choice.files[0].path.as_str(), read)?.unwrap_or_default();
        let own = header.number("general.file_type").and_then(quantizations::numbered);
        choice.quantization = choice.quantization.take().or_else(|| own.map(|own| (own, own.name.to_owned())));
        headers.insert(choice.model.clone(), header);
    }
    let first = choices.first();
    let header = first.and_then(|choice| headers.get(&choice.model));
    let text = |key| header.and_then(|header| header.text(key)).map(str::to_owned);
    let named = || first.map(|choice| stem(choice.name()));
    let sized = || size_in(&named()?);
    // A piece counts only its own.
    let counted = || header?.parameters.filter(|_| first.is_some_and(|choice| choice.files.len() == 1)).map(count);
    Ok(Gguf {
        model_name: text("general.name").or_else(named),
        parameter_count: text("general.size_label").or_else(sized).or_else(counted),
        quantizations: sorted(choices, &headers),
    })
}

impl Choice<'_> {
    /// The name of its first file.
    fn name(&self) -> &str {
        self.files[0].path.file_name()
    }
}

/// The choices, pieces of one file together.
fn choices<'a>(repository: &'a Repository<'_>) -> Vec<Choice<'a>> {
    let mut groups = BTreeMap::<&str, Vec<&SourceFile>>::new();
    for file in repository.files.iter().filter(|file| is_model(file)) {
        let path = file.path.as_str();
        groups.entry(shard(path).map_or(path, |shard| shard.whole)).or_default().push(file);
    }
    if groups.len() > MAX_CHOICES {
        repository.warn(format!("of {} quantizations the first {MAX_CHOICES} are told", groups.len()));
    }
    let choice = |(path, files): (&str, Vec<&'a SourceFile>)| {
        let quantization = quantizations::named(files[0].path.as_str());
        let model = if quantization.is_some() { stem(files[0].path.file_name()) } else { path.to_owned() };
        Choice { files, model, quantization }
    };
    groups.into_iter().take(MAX_CHOICES).map(choice).collect()
}

/// Whether it is a model; projectors and importance matrices are none.
pub(crate) fn is_model(file: &SourceFile) -> bool {
    let name = file.path.file_name().to_ascii_lowercase();
    name.ends_with(".gguf") && !name.contains("mmproj") && !name.contains("imatrix")
}

fn sorted(choices: Vec<Choice<'_>>, headers: &BTreeMap<String, Header>) -> Vec<GgufQuantization> {
    let mut sized: Vec<_> = choices.into_iter().map(|choice| (total(choice.files.iter().copied()), choice)).collect();
    sized.sort_by_key(|(size, _)| *size);
    let told = |(size, choice): (u64, Choice<'_>)| {
        let attention = headers.get(&choice.model).and_then(attention);
        told(choice, size, attention)
    };
    let mut told: Vec<_> = sized.into_iter().map(told).collect();
    if let Some(best) = told.iter_mut().find(|choice| choice.quality >= 4) {
        best.recommended = true;
    }
    told
}

fn told(choice: Choice<'_>, size: u64, attention: Option<Attention>) -> GgufQuantization {
    let unknown = || (quantizations::unknown(), quantizations::unknown().name.to_owned());
    let (quantization, name) = choice.quantization.unwrap_or_else(unknown);
    let estimated_ram = memory::estimate(size, attention);
    GgufQuantization {
        name,
        file: choice.files[0].into(),
        files: if choice.files.len() > 1 { shown(choice.files.into_iter().take(MAX_PIECES)) } else { vec![] },
        quality: quantization.quality,
        quality_stars: quantizations::stars(quantization.quality),
        estimated_ram,
        estimated_ram_human: human(estimated_ram),
        description: quantization.description.to_owned(),
        recommended: false,
    }
}

/// The attention, by the keys `{architecture}.…` of the specification.
fn attention(header: &Header) -> Option<Attention> {
    let architecture = header.text("general.architecture")?;
    let key = |name: &str| format!("{architecture}.{name}");
    let number = |name: &str| header.number(&key(name));
    let layers = number("block_count")?;
    let length = || number("embedding_length")?.checked_div(number("attention.head_count")?);
    let heads = match header.values.get(&key("attention.head_count_kv")) {
        Some(Value::Number(heads)) => heads.checked_mul(layers)?,
        // Some models have other numbers of heads in each layer.
        Some(Value::List(heads)) => heads.iter().try_fold(0_u64, |sum, heads| sum.checked_add(*heads))?,
        _ => number("attention.head_count")?.checked_mul(layers)?,
    };
    let key_length = number("attention.key_length").or_else(length)?;
    let value = number("attention.value_length").or_else(length)?;
    Some(Attention { heads, key: key_length, value, context: number("context_length") })
}

/// The name of the model in the name of a file.
fn stem(name: &str) -> String {
    let whole = shard(name).map_or_else(|| name.strip_suffix(".gguf").unwrap_or(name), |shard| shard.whole);
    let Some((_, label)) = quantizations::named(name) else { return whole.to_owned() };
    let at = whole.to_ascii_uppercase().rfind(&label).unwrap_or(whole.len());
    whole[..at].trim_end_matches(['-', '.', '_']).to_owned()
}

/// The number of parameters in the name of a file: `7B` of `mistral-7b-v0.2`, `8x7B` of `mixtral-8x7b`.
fn size_in(name: &str) -> Option<String> {
    let is_size = |word: &&str| {
        let Some(number) = word.strip_suffix(['b', 'B', 'm', 'M']) else { return false };
        let plain = |text: &str| text.parse::<f32>().is_ok_and(f32::is_finite) && !text.starts_with(['+', '-', '.']);
        number.bytes().all(|byte| byte.is_ascii_digit() || b".x".contains(&byte)) && number.split('x').all(plain)
    };
    name.split(['-', '_', ' ']).find(is_size).map(|word| word.to_ascii_uppercase().replace('X', "x"))
}

#[cfg(test)]
mod tests {
    use ballast_contract::ErrorKind;
    use serde_json::json;

    use super::*;
    use crate::analyze::testing::{Fake, GgufFile};

    const GIB: u64 = 1 << 30;

    #[tokio::test]
    async fn a_repository_of_one_quantisation_is_told_as_in_the_reference() {
        let head = GgufFile::mistral().words("tokenizer.ggml.tokens", &["<s>"; 20_000]).bytes();
        let fake = Fake::default().large("mistral-7b.Q4_K_M.gguf", head, 4_368_438_272).file("config.json", "{}");
        let sha256 = "ab".repeat(32);
        assert_eq!(
            fake.told("gguf").await,
            json!({
                "model_name": "Mistral 7B Instruct v0.2",
                "parameter_count": "7B",
                "quantizations": [{
                    "name": "Q4_K_M",
                    "file": {
                        "name": "mistral-7b.Q4_K_M.gguf",
                        "path": "mistral-7b.Q4_K_M.gguf",
                        "size": 4_368_438_272_u64,
                        "size_human": "4.1 GiB",
                        "lfs": true,
                        "is_lfs": true,
                        "sha256": sha256,
                    },
                    "quality": 4,
                    "quality_stars": "★★★★☆",
                    "estimated_ram": 4_905_309_184_u64,
                    "estimated_ram_human": "4.6 GiB",
                    "description": "Good balance of quality and size",
                    "recommended": true,
                }],
            })
        );
        assert_eq!(
            (fake.told("type").await, fake.told("type_description").await),
            (json!("gguf"), json!("GGUF Model"))
        );
        assert!(fake.reads().iter().all(|(_, range)| range.len() <= 64 << 10));
    }

    #[tokio::test]
    async fn pieces_are_one_choice_and_projectors_are_none() {
        let head = GgufFile::mistral().bytes();
        let fake = Fake::default()
            .large("BF16/big-BF16-00001-of-00002.gguf", head.clone(), 8 * GIB)
            .large("BF16/big-BF16-00002-of-00002.gguf", head.clone(), 6 * GIB)
            .large("big-Q3_K_M.gguf", head.clone(), 3 * GIB)
            .large("big-Q6_K.gguf", head.clone(), 5 * GIB)
            .large("mmproj-big-f16.gguf", head, GIB);
        let gguf = fake.analyzed().await.unwrap().details.gguf.unwrap();
        let told: Vec<_> =
            gguf.quantizations.iter().map(|one| (one.name.as_str(), one.files.len(), one.recommended)).collect();
        assert_eq!(told, [("Q3_K_M", 0, false), ("Q6_K", 0, true), ("BF16", 2, false)]);
        assert_eq!(gguf.quantizations[2].estimated_ram, 14 * GIB + GIB / 2);
        // One header describes them all.
        assert_eq!(fake.reads().len(), 1);
    }

    #[tokio::test]
    async fn a_file_whose_name_says_nothing_is_asked() {
        let file = GgufFile::mistral().words("tokenizer.ggml.tokens", &["a"; 9]).number("general.file_type", 18);
        let fake = Fake::default().large("model.gguf", file.tensor("t", &[1000, 2_000_000]).bytes(), 6 * GIB);
        let gguf = fake.analyzed().await.unwrap().details.gguf.unwrap();
        assert_eq!((gguf.quantizations[0].name.as_str(), gguf.parameter_count.as_deref()), ("Q6_K", Some("2B")));
    }

    #[tokio::test]
    async fn each_model_of_several_has_its_own_memory() {
        let small = GgufFile::new().text("general.architecture", "llama").number("llama.block_count", 1);
        let small = small.number("llama.embedding_length", 64).number("llama.attention.head_count", 1);
        let fake = Fake::default()
            .large("big-Q4_0.gguf", GgufFile::mistral().bytes(), GIB)
            .large("big-Q8_0.gguf", "never read", 2 * GIB)
            .large("small-Q8_0.gguf", small.bytes(), 4 * GIB);
        let gguf = fake.analyzed().await.unwrap().details.gguf.unwrap();
        let memory: Vec<_> = gguf.quantizations.iter().map(|one| one.estimated_ram).collect();
        assert_eq!(memory, [GIB + GIB / 2, 2 * GIB + GIB / 2, 4 * GIB + (1 << 20)]);
        assert_eq!(fake.reads().len(), 2);
    }

    #[tokio::test]
    async fn a_header_that_is_wrong_or_forbidden_leaves_an_estimate_and_a_warning() {
        let wrong = Fake::default().large("a-8x7B-Q8_0.gguf", "no header at all", 8 * GIB);
        let forbidden =
            Fake::default().large("a-8x7B-Q8_0.gguf", "", 8 * GIB).fault("a-8x7B-Q8_0.gguf", ErrorKind::Denied);
        for fake in [wrong, forbidden] {
            let analysis = fake.analyzed().await.unwrap();
            let gguf = analysis.details.gguf.unwrap();
            assert_eq!((gguf.model_name.as_deref(), gguf.parameter_count.as_deref()), (Some("a-8x7B"), Some("8x7B")));
            assert_eq!(gguf.quantizations[0].estimated_ram, 9 * GIB);
            assert!(analysis.warnings[0].starts_with("a-8x7B-Q8_0.gguf: "), "{:?}", analysis.warnings);
        }
    }

    #[test]
    fn sizes_are_found_in_names_of_models() {
        let names =
            [("mistral-7b-instruct", "7B"), ("Qwen3-0.6B", "0.6B"), ("mixtral_8x7b", "8x7B"), ("smollm 135M", "135M")];
        for (name, size) in names {
            assert_eq!(size_in(name).as_deref(), Some(size), "{name}");
        }
        for name in ["b", "model-m", "x7b", "v0.2", "7x-b", "..b", "1xb"] {
            assert_eq!(size_in(name), None, "{name}");
        }
    }
}
