//! Models in the layout of transformers: `config.json`, weights, a tokenizer.

use std::collections::BTreeMap;

use ballast_contract::Result;
use serde::Serialize;
use serde_json::Value;

use super::config::ModelConfig;
use super::document::Document;
use super::report::count;
use super::repository::Repository;
use super::tasks;
use super::tokenizer::{self, Tokenizer};
use super::weights::{WeightFile, Weights, format};

/// The most files of weights that are listed.
const MAX_WEIGHTS: usize = 1000;
/// The most settings of `generation_config.json` that are shown, and how long each may be.
const MAX_SETTINGS: usize = 64;
const MAX_SETTING: usize = 1024;

/// What is said of transformers models.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Transformers {
    /// `LlamaForCausalLM`; empty where the config names none.
    pub architecture: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_hidden_layers: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_attention_heads: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intermediate_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vocab_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_position_embeddings: Option<u64>,
    /// With stretched positions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_length: Option<u64>,
    /// As people say it: `7.2B`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_parameters: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_parameters_num: Option<u64>,
    /// `bf16`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<String>,
    pub is_sharded: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard_count: Option<usize>,
    pub weight_files: Vec<WeightFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<Tokenizer>,
    /// As the config writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub torch_dtype: Option<String>,
    /// Frameworks whose weights are there.
    pub backends: Vec<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub special_tokens: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub generation_config: BTreeMap<String, Value>,
}

/// Looks at the repository.
pub(crate) async fn look(repository: &Repository<'_>, config: &Document) -> Result<Transformers> {
    let model = ModelConfig::of(config);
    let mut weights = Weights::find(repository);
    weights.count(repository, &model).await?;
    let (tokenizer, special_tokens) = tokenizer::look(repository, model.vocab_size).await?;
    let generation = repository.document("generation_config.json").await?;
    let task = tasks::task(config, &model, repository.task()).map(|task| task.0);
    Ok(Transformers {
        architecture_description: model.architecture.as_deref().map(described),
        architecture: model.architecture.unwrap_or_default(),
        task: task.map(str::to_owned),
        task_description: task.and_then(tasks::description),
        model_type: model.model_type,
        hidden_size: model.hidden_size,
        num_hidden_layers: model.layers,
        num_attention_heads: model.heads,
        intermediate_size: model.intermediate_size,
        vocab_size: model.vocab_size,
        max_position_embeddings: model.max_positions,
        context_length: model.context,
        estimated_parameters: weights.parameters.map(count),
        estimated_parameters_num: weights.parameters,
        precision: weights.precision.clone(),
        is_sharded: weights.shards().is_some(),
        shard_count: weights.shards(),
        weight_files: weights.files.iter().take(MAX_WEIGHTS).map(|&file| file.into()).collect(),
        tokenizer,
        torch_dtype: model.dtype,
        backends: backends(repository, &weights),
        special_tokens,
        generation_config: settings(&generation),
    })
}

/// The name of an architecture in words: `LlamaForCausalLM` is `Llama for causal LM`.
fn described(architecture: &str) -> String {
    let heads = [
        ("ForCausalLM", "language model that continues text"),
        ("LMHeadModel", "language model that continues text"),
        ("ForMaskedLM", "language model that fills gaps"),
        ("ForConditionalGeneration", "model that writes text from its input"),
        ("ForSequenceClassification", "classifier of texts"),
        ("ForTokenClassification", "classifier of words"),
        ("ForQuestionAnswering", "model that finds answers in a text"),
        ("Model", "model without a head"),
    ];
    let known = heads.iter().find_map(|(end, words)| Some((architecture.strip_suffix(end)?, words)));
    match known.filter(|(family, _)| !family.is_empty()) {
        Some((family, words)) => format!("{family}: {words}"),
        None => architecture.to_owned(),
    }
}

/// By the formats that are there.
fn backends(repository: &Repository<'_>, weights: &Weights<'_>) -> Vec<&'static str> {
    let formats =
        |wanted: &[&str]| weights.files.iter().any(|file| format(file).is_some_and(|one| wanted.contains(&one)));
    let onnx = || repository.files.iter().any(|file| file.path.as_str().ends_with(".onnx"));
    let found = [
        ("transformers", formats(&["safetensors", "bin", "pt", "pth"])),
        ("tensorflow", formats(&["h5"])),
        ("flax", formats(&["msgpack"])),
        ("onnxruntime", onnx()),
    ];
    found.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect()
}

/// What a generation config sets: texts, numbers, truth values, and lists of them.
fn settings(generation: &Document) -> BTreeMap<String, Value> {
    let plain = |value: &Value| match value {
        Value::Null | Value::Object(_) => false,
        Value::Array(items) => !items.iter().any(|item| item.is_array() || item.is_object()),
        _ => true,
    };
    let setting = |name: &str| Some((name.to_owned(), generation.short(name, MAX_SETTING).filter(plain)?));
    generation.fields().filter_map(setting).take(MAX_SETTINGS).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::analyze::testing::{Fake, safetensors};

    fn llama() -> Fake {
        let weights = safetensors(&[("model.embed_tokens.weight", "BF16", &[32, 16]), ("norm", "F32", &[16])], &[]);
        let config = json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 16, "num_hidden_layers": 2,
            "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 32, "max_position_embeddings": 2048,
            "torch_dtype": "bfloat16", "rope_scaling": {"factor": 2.0, "rope_type": "linear"},
        });
        let tokenizer = json!({
            "tokenizer_class": "LlamaTokenizer", "model_max_length": 1e30, "padding_side": "left", "add_bos_token": true,
            "chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "{{ x }}"}],
            "bos_token": {"content": "<s>", "lstrip": false},
        });
        Fake::default()
            .json("config.json", config)
            .json("tokenizer_config.json", tokenizer)
            .json("special_tokens_map.json", json!({"eos_token": "</s>", "additional_special_tokens": []}))
            .json("generation_config.json", json!({"temperature": 0.6, "eos_token_id": [1, 2], "deep": {"a": 1}}))
            .file("model.safetensors", weights)
    }

    #[tokio::test]
    async fn a_model_is_told_with_every_field() {
        let fake = llama();
        let size =
            fake.analyzed().await.unwrap().files.iter().find(|file| file.name == "model.safetensors").unwrap().size;
        assert_eq!(
            fake.told("transformers").await,
            json!({
                "architecture": "LlamaForCausalLM",
                "architecture_description": "Llama: language model that continues text",
                "task": "text-generation",
                "task_description": "Text generation",
                "model_type": "llama",
                "hidden_size": 16,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "intermediate_size": 64,
                "vocab_size": 32,
                "max_position_embeddings": 2048,
                "context_length": 4096,
                "estimated_parameters": "528",
                "estimated_parameters_num": 528,
                "precision": "bf16",
                "is_sharded": false,
                "weight_files": [{
                    "path": "model.safetensors",
                    "name": "model.safetensors",
                    "size": size,
                    "size_human": "1.2 KiB",
                    "format": "safetensors",
                }],
                "tokenizer": {
                    "type": "LlamaTokenizer",
                    "vocab_size": 32,
                    "padding_side": "left",
                    "add_bos_token": true,
                    "chat_template": "{{ x }}",
                    "has_chat_template": true,
                },
                "torch_dtype": "bfloat16",
                "backends": ["transformers"],
                "special_tokens": {"bos_token": "<s>", "eos_token": "</s>"},
                "generation_config": {"eos_token_id": [1, 2], "temperature": 0.6},
            })
        );
    }

    #[tokio::test]
    async fn configs_and_weights_that_make_no_sense_leave_fields_out() {
        let fake = llama()
            .file("config.json", r#"{"architectures": "LlamaForCausalLM", "hidden_size": "large", "vocab_size": -1}"#)
            .file("tokenizer_config.json", "[".repeat(100_000))
            .file("generation_config.json", "")
            .file("model.safetensors", "not one");
        let analysis = fake.analyzed().await.unwrap();
        let told = analysis.details.transformers.unwrap();
        assert_eq!((told.architecture.as_str(), told.hidden_size, told.vocab_size), ("LlamaForCausalLM", None, None));
        assert_eq!((told.estimated_parameters, told.generation_config.len()), (None, 0));
        assert!(told.tokenizer.unwrap().class.is_none());
        let warned: Vec<_> = analysis.warnings.iter().map(|warning| warning.split(':').next().unwrap()).collect();
        assert_eq!(warned, ["model.safetensors", "tokenizer_config.json", "generation_config.json"]);
    }
}
