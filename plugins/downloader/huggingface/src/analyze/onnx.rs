//! ONNX repositories: one model exported in variants.

use ballast_contract::downloader::SourceFile;
use serde::Serialize;

use super::report::human;
use super::repository::{Repository, total};

/// The most models that are told.
const MAX_MODELS: usize = 500;

/// What is said of ONNX repositories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Onnx {
    /// In the order of their paths.
    pub models: Vec<OnnxModel>,
    pub optimized: bool,
    pub quantized: bool,
    pub runtimes: Vec<&'static str>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OnnxModel {
    pub path: String,
    /// Without folder and ending.
    pub name: String,
    /// In bytes, with the data that lie beside it.
    pub size: u64,
    pub size_human: String,
    /// How its numbers are kept, where the name says so: `fp16`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optimized: bool,
}

/// How names of files end, what that means, and whether it is a quantisation: those of transformers.js and of optimum.
const VARIANTS: &[(&str, &str, bool)] = &[
    ("fp32", "fp32", false),
    ("fp16", "fp16", false),
    ("bf16", "bf16", false),
    ("q4f16", "q4f16", true),
    ("int8", "int8", true),
    ("uint8", "uint8", true),
    ("q8", "int8", true),
    ("int4", "int4", true),
    ("q4", "q4", true),
    ("q2", "q2", true),
    ("bnb4", "bnb4", true),
    ("quantized", "quantized", true),
];

/// Looks at the repository.
pub(crate) fn look(repository: &Repository<'_>) -> Onnx {
    let files = repository.files.iter().filter(|file| file.path.as_str().ends_with(".onnx")).take(MAX_MODELS);
    let models: Vec<_> = files.map(|file| model(repository, file)).collect();
    let quantized = |model: &OnnxModel| VARIANTS.iter().any(|(_, name, small)| *small && model.variant == Some(*name));
    let web = repository.library() == Some("transformers.js") || repository.tagged("transformers.js");
    let known = [("onnxruntime", !models.is_empty()), ("transformers.js", web)];
    Onnx {
        optimized: models.iter().any(|model| model.optimized),
        quantized: models.iter().any(quantized),
        runtimes: known.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect(),
        models,
    }
}

fn model(repository: &Repository<'_>, file: &SourceFile) -> OnnxModel {
    let path = file.path.as_str();
    let name = file.path.file_name().strip_suffix(".onnx").unwrap_or(path);
    // Models of more than 2 GB keep their numbers in files of their own.
    let beside = [format!("{path}_data"), format!("{path}.data")];
    let size = total(beside.iter().filter_map(|path| repository.find(path)).chain([file]));
    let words: Vec<_> = name.split(['_', '-', '.']).map(str::to_ascii_lowercase).collect();
    let means = |word: &String| VARIANTS.iter().find(|(end, ..)| end == word).map(|(_, variant, _)| *variant);
    OnnxModel {
        path: path.to_owned(),
        name: name.to_owned(),
        size,
        size_human: human(size),
        variant: words.iter().rev().find_map(means),
        optimized: words.iter().any(|word| word == "optimized" || matches!(word.as_bytes(), [b'o', b'1'..=b'4'])),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::analyze::subject::About;
    use crate::analyze::testing::Fake;

    #[tokio::test]
    async fn models_are_told_with_their_variants_and_the_data_beside_them() {
        let about = About { library: Some("transformers.js".to_owned()), ..About::default() };
        let fake = Fake::default()
            .large("onnx/model.onnx", "", 1000)
            .large("onnx/model.onnx_data", "", 5000)
            .large("onnx/decoder_model_merged_q4f16.onnx", "", 2048)
            .large("onnx/model_O3.onnx", "", 10)
            .about(about);
        let model = |name: &str, size: u64, human: &str| json!({"path": format!("onnx/{name}.onnx"), "name": name, "size": size, "size_human": human});
        let mut merged = model("decoder_model_merged_q4f16", 2048, "2.0 KiB");
        merged["variant"] = json!("q4f16");
        let mut optimized = model("model_O3", 10, "10 B");
        optimized["optimized"] = json!(true);
        assert_eq!(
            fake.told("onnx").await,
            json!({
                "models": [merged, model("model", 6000, "5.9 KiB"), optimized],
                "optimized": true,
                "quantized": true,
                "runtimes": ["onnxruntime", "transformers.js"],
            })
        );
        assert!(fake.reads().is_empty());
    }

    #[tokio::test]
    async fn sizes_that_lie_are_counted_as_far_as_numbers_go() {
        let fake = Fake::default().large("model.onnx", "", u64::MAX).large("model.onnx.data", "", u64::MAX);
        assert_eq!(fake.told("onnx").await["models"][0]["size"], u64::MAX);
        assert_eq!(fake.told("total_size").await, u64::MAX);
    }
}
