//! What an analysis answers. Field names are those of the HFDownloader API; fields that a repository says nothing about
//! are left out.

use ballast_contract::downloader::{Expected, SourceFile};
use serde::Serialize;

use super::audio::Audio;
use super::dataset::Dataset;
use super::diffusers::Diffusers;
use super::gguf::Gguf;
use super::lora::{Lora, RelatedDownload};
use super::multimodal::Multimodal;
use super::onnx::Onnx;
use super::quantized::Quantized;
use super::subject::Ref;
use super::transformers::Transformers;
use super::vision::Vision;

/// What a repository is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Analysis {
    pub repo: String,
    pub is_dataset: bool,
    #[serde(rename = "type")]
    pub kind: Type,
    pub type_description: &'static str,
    pub file_count: usize,
    /// In bytes.
    pub total_size: u64,
    pub total_size_human: String,
    /// The revision that was asked for.
    pub branch: String,
    /// The commit that it is.
    pub commit: String,
    pub refs: Vec<Ref>,
    pub files: Vec<FileInfo>,
    /// What is said of this type alone.
    #[serde(flatten)]
    pub details: Details,
    /// Repositories without which this one is of no use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related_downloads: Vec<RelatedDownload>,
    /// What could not be read, and why: where this is not empty, fields may be missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// RFC 3339, in UTC.
    pub analyzed_at: String,
}

/// What a repository is found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    Dataset,
    Gguf,
    Diffusers,
    Lora,
    Gptq,
    Awq,
    /// By another method than GPTQ and AWQ.
    Quantized,
    Multimodal,
    Audio,
    Vision,
    Transformers,
    Onnx,
    /// None of these.
    Generic,
}

impl Type {
    /// The type in words.
    pub fn description(self) -> &'static str {
        match self {
            Self::Dataset => "Dataset",
            Self::Gguf => "GGUF Model",
            Self::Diffusers => "Diffusers Pipeline",
            Self::Lora => "LoRA Adapter",
            Self::Gptq => "GPTQ Quantized Model",
            Self::Awq => "AWQ Quantized Model",
            Self::Quantized => "Quantized Model",
            Self::Multimodal => "Multimodal Model",
            Self::Audio => "Audio Model",
            Self::Vision => "Vision Model",
            Self::Transformers => "Transformers Model",
            Self::Onnx => "ONNX Model",
            Self::Generic => "Generic Repository",
        }
    }
}

/// At most one of these; of a GPTQ or AWQ model the same twice, under its method and under `quantized`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gguf: Option<Gguf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transformers: Option<Transformers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diffusers: Option<Diffusers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lora: Option<Lora>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gptq: Option<Quantized>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub awq: Option<Quantized>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantized: Option<Quantized>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onnx: Option<Onnx>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<Audio>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vision: Option<Vision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multimodal: Option<Multimodal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<Dataset>,
}

/// A file. Whether it is kept by LFS is said twice: by the name of the reference, and by that of the program it describes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileInfo {
    /// The last segment of its path.
    pub name: String,
    pub path: String,
    /// In bytes.
    pub size: u64,
    pub size_human: String,
    pub lfs: bool,
    pub is_lfs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The folder it lies in; none at the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
}

impl From<&SourceFile> for FileInfo {
    fn from(file: &SourceFile) -> Self {
        Self {
            name: file.path.file_name().to_owned(),
            path: file.path.as_str().to_owned(),
            size: file.size,
            size_human: human(file.size),
            lfs: file.is_lfs,
            is_lfs: file.is_lfs,
            sha256: match &file.expected {
                Expected::Sha256(digest) => Some(digest.to_string()),
                Expected::Git(_) => None,
            },
            directory: file.path.parent().map(String::from),
        }
    }
}

/// A size for people: `4.2 GiB`.
pub(crate) fn human(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    // 1023.95 and more are shown as 1024.0, which is 1.0 of the next unit.
    let (mut size, mut unit) = (bytes as f64 / 1024.0, 0);
    while size >= 1023.95 && unit + 1 < UNITS.len() {
        (size, unit) = (size / 1024.0, unit + 1);
    }
    match bytes {
        0..1024 => format!("{bytes} B"),
        _ => format!("{size:.1} {}", UNITS[unit]),
    }
}

/// A number of parameters for people: `7.2B`, `494M`.
pub(crate) fn count(parameters: u64) -> String {
    let (scale, letter) = match parameters {
        0..1_000 => return parameters.to_string(),
        1_000..1_000_000 => (1e3, 'K'),
        1_000_000..1_000_000_000 => (1e6, 'M'),
        1_000_000_000..1_000_000_000_000 => (1e9, 'B'),
        _ => (1e12, 'T'),
    };
    let number = parameters as f64 / scale;
    // A digit behind the point tells 1.1B from 1.5B; 124M needs none.
    let text = if number < 100.0 { format!("{number:.1}") } else { format!("{number:.0}") };
    format!("{}{letter}", text.strip_suffix(".0").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_in_binary_units() {
        let sizes =
            [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (4_500_000_000, "4.2 GiB"), ((1 << 30) - 1, "1.0 GiB")];
        for (bytes, text) in sizes.into_iter().chain([(u64::MAX, "16.0 EiB")]) {
            assert_eq!(human(bytes), text);
        }
    }

    #[test]
    fn parameters_are_counted_as_people_call_models() {
        let counts = [(0, "0"), (999, "999"), (7_241_732_096, "7.2B"), (494_032_768, "494M"), (8_000_000_000, "8B")];
        for (parameters, text) in counts.into_iter().chain([(1_100_000_000_000, "1.1T"), (22_700_000, "22.7M")]) {
            assert_eq!(count(parameters), text);
        }
    }

    #[test]
    fn types_are_called_as_in_the_reference() {
        let names = serde_json::to_value([Type::Gguf, Type::Lora, Type::Multimodal, Type::Onnx]).unwrap();
        assert_eq!(names, serde_json::json!(["gguf", "lora", "multimodal", "onnx"]));
    }
}
