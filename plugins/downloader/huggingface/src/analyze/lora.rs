//! Adapters: small weights that change a model which must be fetched too.

use ballast_contract::Result;
use ballast_contract::downloader::SourceFile;
use serde::Serialize;

use super::document::Document;
use super::repository::Repository;
use super::safetensors::{self, Header};
use super::weights;

/// The most modules that are listed.
const MAX_MODULES: usize = 256;

/// What is said of adapters.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lora {
    /// `lora`
    pub adapter_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adapter_description: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub target_modules: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bias: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fan_in_fan_out: Option<bool>,
    /// Whether the weights began as LoRA begins them; a name of another way counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_lora_weights: Option<bool>,
    /// How the base was quantised while it was trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quant_type: Option<String>,
}

/// A repository that belongs to this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RelatedDownload {
    /// `base_model`
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub repo: String,
    pub label: &'static str,
    pub required: bool,
}

impl Lora {
    /// The base model, if it is named as hubs name models.
    pub(crate) fn related(&self) -> Option<RelatedDownload> {
        let repo = self.base_model.clone().filter(|name| is_name(name))?;
        Some(RelatedDownload { kind: "base_model", repo, label: "Base model", required: true })
    }
}

/// Whether a repository has the marks of an adapter.
pub(crate) fn is(repository: &Repository<'_>) -> bool {
    let marks = ["adapter_config.json", "pytorch_lora_weights.safetensors", "pytorch_lora_weights.bin"];
    let alone = || repository.tagged("lora") && !repository.has("config.json") && largest(repository).is_some();
    marks.iter().any(|mark| repository.has(mark)) || alone()
}

/// Looks at the repository: PEFT's config, and what the weights themselves show where there is none.
pub(crate) async fn look(repository: &Repository<'_>) -> Result<Lora> {
    let config = repository.document("adapter_config.json").await?;
    let weights = match largest(repository).filter(|_| config.number("r").is_none()) {
        Some(file) => repository.borne(file.path.as_str(), safetensors::read(repository, file).await)?,
        None => None,
    };
    let weights = weights.unwrap_or_default();
    let written = |key: &str| weights.metadata.get(key).filter(|text| *text != "None").map(String::as_str);
    let adapter_type = config.text("peft_type").unwrap_or_else(|| "lora".to_owned()).to_ascii_lowercase();
    let modules = targets(&config, &weights);
    Ok(Lora {
        adapter_description: described(&adapter_type),
        adapter_type,
        base_model: base(repository, &config).or_else(|| written("ss_base_model_version").map(str::to_owned)),
        rank: config.number("r").or_else(|| written("ss_network_dim")?.parse().ok()).or(weights.rank),
        alpha: config
            .float("lora_alpha")
            .or_else(|| written("ss_network_alpha")?.parse().ok())
            .filter(|a: &f64| a.is_finite()),
        dropout: config.float("lora_dropout"),
        target_modules: modules,
        bias: config.text("bias"),
        task_type: config.text("task_type"),
        fan_in_fan_out: config.flag("fan_in_fan_out"),
        init_lora_weights: config.flag("init_lora_weights").or_else(|| config.text("init_lora_weights").map(|_| true)),
        quant_type: quantization(&config),
    })
}

/// The largest safetensors file at the root.
fn largest<'a>(repository: &'a Repository<'_>) -> Option<&'a SourceFile> {
    let files = repository.root().filter(|file| weights::format(file) == Some("safetensors"));
    files.max_by_key(|file| file.size)
}

/// The modules; a pattern for all of them is a list of one.
fn targets(config: &Document, weights: &Header) -> Vec<String> {
    let mut modules = config.texts("target_modules");
    if modules.is_empty() {
        modules = weights.modules.iter().cloned().collect();
    }
    modules.truncate(MAX_MODULES);
    modules
}

/// The base model: PEFT writes what it was loaded from, which may be a folder on the disk of who trained it.
fn base(repository: &Repository<'_>, config: &Document) -> Option<String> {
    let loaded = config.text("base_model_name_or_path");
    loaded.clone().filter(|name| is_name(name)).or_else(|| repository.base_model()).or(loaded)
}

/// `name` or `namespace/name`.
fn is_name(text: &str) -> bool {
    let word = |word: &str| {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        !word.is_empty() && !word.starts_with('.') && word.bytes().all(good)
    };
    text.len() <= 96 * 2 + 1 && text.split('/').count() <= 2 && text.split('/').all(word)
}

fn quantization(config: &Document) -> Option<String> {
    let inner = config.object("quantization_config");
    inner.and_then(|inner| inner.text("bnb_4bit_quant_type")).or_else(|| config.text("quant_type"))
}

fn described(adapter: &str) -> Option<&'static str> {
    Some(match adapter {
        "lora" => "LoRA: matrices of low rank beside the weights",
        "qlora" => "LoRA on a quantized base",
        "adalora" => "AdaLoRA: LoRA with a rank for each layer",
        "loha" => "LoHa: Hadamard products of matrices of low rank",
        "lokr" => "LoKr: Kronecker products of matrices of low rank",
        "ia3" => "IA3: factors for activations",
        "oft" => "OFT: orthogonal changes of the weights",
        "boft" => "BOFT: orthogonal changes of the weights as butterflies",
        "vera" => "VeRA: vectors beside shared random matrices",
        "prompt_tuning" => "Learned tokens before the prompt",
        "p_tuning" => "Learned tokens before the prompt, by a small model",
        "prefix_tuning" => "Learned prefixes for each layer",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::analyze::subject::About;
    use crate::analyze::testing::{Fake, safetensors};

    #[tokio::test]
    async fn an_adapter_of_peft_is_told_with_every_field_and_its_base() {
        let config = json!({
            "peft_type": "LORA", "base_model_name_or_path": "meta-llama/Llama-2-7b-hf", "r": 16, "lora_alpha": 32,
            "lora_dropout": 0.05, "target_modules": ["q_proj", "v_proj"], "bias": "none", "task_type": "CAUSAL_LM",
            "fan_in_fan_out": false, "init_lora_weights": true, "quantization_config": {"bnb_4bit_quant_type": "nf4"},
        });
        let fake = Fake::default().json("adapter_config.json", config).file("adapter_model.safetensors", "");
        assert_eq!(
            fake.told("lora").await,
            json!({
                "adapter_type": "lora",
                "adapter_description": "LoRA: matrices of low rank beside the weights",
                "base_model": "meta-llama/Llama-2-7b-hf",
                "rank": 16,
                "alpha": 32.0,
                "dropout": 0.05,
                "target_modules": ["q_proj", "v_proj"],
                "bias": "none",
                "task_type": "CAUSAL_LM",
                "fan_in_fan_out": false,
                "init_lora_weights": true,
                "quant_type": "nf4",
            })
        );
        let base = json!([{"type": "base_model", "repo": "meta-llama/Llama-2-7b-hf", "label": "Base model", "required": true}]);
        assert_eq!(fake.told("related_downloads").await, base);
    }

    #[tokio::test]
    async fn an_adapter_without_a_config_is_told_by_its_weights() {
        let tensors: &[(&str, &str, &[u64])] = &[
            ("unet.mid.attn.to_q.lora_down.weight", "F16", &[8, 320]),
            ("unet.mid.attn.to_q.lora_up.weight", "F16", &[320, 8]),
        ];
        let weights = safetensors(tensors, &[("ss_network_alpha", "4.0"), ("ss_base_model_version", "sdxl_base_v1-0")]);
        let about = About { tags: vec!["LoRA".to_owned()], ..About::default() };
        let told = Fake::default().file("style.safetensors", weights).about(about).told("lora").await;
        let expected = json!({
            "adapter_type": "lora",
            "adapter_description": "LoRA: matrices of low rank beside the weights",
            "base_model": "sdxl_base_v1-0",
            "rank": 8,
            "alpha": 4.0,
            "target_modules": ["to_q"],
        });
        assert_eq!(told, expected);
    }

    #[tokio::test]
    async fn a_folder_of_who_trained_it_is_no_base_model() {
        let card = "---\nbase_model: [acme/base]\n---\n";
        let config = json!({"base_model_name_or_path": "/home/me/models/base", "r": 8});
        let fake = Fake::default().json("adapter_config.json", config);
        assert_eq!(fake.told("related_downloads").await, Value::Null);
        assert_eq!(fake.file("README.md", card).told("lora").await["base_model"], "acme/base");
    }

    #[tokio::test]
    async fn a_config_and_weights_that_make_no_sense_leave_a_bare_adapter() {
        let config = json!({"peft_type": 3, "r": -1, "lora_alpha": "x", "target_modules": [1]});
        let fake = Fake::default().json("adapter_config.json", config).file("adapter_model.safetensors", "nonsense");
        let told = fake.told("lora").await;
        assert_eq!(told["adapter_type"], "lora");
        assert_eq!((told.as_object().unwrap().len(), fake.told("warnings").await.as_array().unwrap().len()), (2, 1));
    }
}
