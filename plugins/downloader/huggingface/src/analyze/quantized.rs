//! Models whose weights are quantised in the layout of transformers: GPTQ, AWQ and the others.

use ballast_contract::Result;
use serde::Serialize;

use super::config::ModelConfig;
use super::document::Document;
use super::memory;
use super::report::{Type, human};
use super::repository::Repository;
use super::weights::Weights;

/// The most modules that are listed.
const MAX_MODULES: usize = 256;

/// What is said of quantised models.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quantized {
    /// `gptq`
    pub method: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method_description: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_size: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desc_act: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symmetric: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zero_point: Option<bool>,
    /// Of the format: `gemm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where it is no whole number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits_per_weight: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excluded_modules: Vec<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub backends: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_architecture: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_model: Option<String>,
    /// In bytes, by the formula of `memory.rs`.
    pub estimated_vram: u64,
    pub estimated_vram_human: String,
}

/// A method: its names in configs, what it is, and what runs it.
type Method = (&'static [&'static str], &'static str, &'static [&'static str]);

const METHODS: &[Method] = &[
    (&["gptq"], "GPTQ: quantized after training, layer by layer", &["transformers", "vllm", "gptqmodel", "exllamav2"]),
    (&["awq"], "AWQ: weights that matter for activations are spared", &["transformers", "vllm", "sglang"]),
    (&["exl2"], "EXL2: a mix of bits for ExLlamaV2", &["exllamav2"]),
    (&["exl3"], "EXL3: trellis quantization for ExLlamaV3", &["exllamav3"]),
    (&["bitsandbytes"], "bitsandbytes: 8 bits, or 4 bits as FP4 or NF4", &["transformers", "vllm"]),
    (&["fp8", "fbgemm_fp8"], "FP8: floating point of 8 bits", &["transformers", "vllm", "sglang"]),
    (&["mxfp4"], "MXFP4: floating point of 4 bits in blocks", &["transformers", "vllm"]),
    (&["compressed-tensors"], "compressed-tensors: the format of LLM Compressor", &["transformers", "vllm"]),
    (&["hqq"], "HQQ: half-quadratic quantization", &["transformers"]),
    (&["aqlm"], "AQLM: additive quantization", &["transformers", "vllm"]),
    (&["quanto"], "Quanto", &["transformers"]),
    (&["torchao"], "torchao", &["transformers", "vllm"]),
    (&["auto-round", "intel/auto-round"], "AutoRound", &["transformers", "vllm"]),
    (&["modelopt"], "NVIDIA ModelOpt", &["vllm", "sglang"]),
    (&["eetq"], "EETQ: 8 bits", &["transformers"]),
    (&["vptq"], "VPTQ: vector quantization", &["transformers"]),
    (&["higgs"], "HIGGS", &["transformers"]),
    (&["spqr"], "SpQR", &["transformers"]),
    (&["bitnet"], "BitNet: weights of three values", &["transformers"]),
];

/// What a repository says of how it is quantised, and in whose words.
#[derive(Debug)]
pub(crate) struct Settings {
    method: String,
    said: Document,
}

impl Settings {
    /// The type of repository.
    pub(crate) fn kind(&self) -> Type {
        match self.method.as_str() {
            "gptq" => Type::Gptq,
            "awq" => Type::Awq,
            _ => Type::Quantized,
        }
    }
}

/// How the model is quantised: by its config, or by the files that AutoGPTQ and AutoAWQ wrote before there was a place
/// for it in there. A `quantize_config.json` without `bits` is that of an ONNX export.
pub(crate) async fn settings(repository: &Repository<'_>, config: &Document) -> Result<Option<Settings>> {
    let inner = || config.object("text_config")?.object("quantization_config");
    if let Some(said) =
        config.object("quantization_config").or_else(inner).or_else(|| config.object("compression_config"))
    {
        let loaded = said.has("load_in_4bit") || said.has("load_in_8bit");
        let method = said.text("quant_method").or_else(|| loaded.then(|| "bitsandbytes".to_owned()));
        let method = method.filter(|method| method.len() <= 64).map(|method| method.to_ascii_lowercase());
        return Ok(method.map(|method| Settings { method, said }));
    }
    for (file, mark, method) in [("quantize_config.json", "bits", "gptq"), ("quant_config.json", "w_bit", "awq")] {
        let said = repository.document(file).await?;
        if said.number(mark).is_some() {
            let method = said.text("quant_method").unwrap_or_else(|| method.to_owned()).to_ascii_lowercase();
            return Ok(Some(Settings { method, said }));
        }
    }
    Ok(None)
}

/// Looks at the repository.
pub(crate) fn look(repository: &Repository<'_>, config: &Document, settings: Settings) -> Quantized {
    let Settings { method, said } = settings;
    let model = ModelConfig::of(config);
    let known = METHODS.iter().find(|(names, ..)| names.contains(&method.as_str()));
    let estimated_vram = memory::estimate(Weights::find(repository).size(), model.attention());
    let excluded = ["modules_to_not_convert", "ignore", "ignored_layers", "llm_int8_skip_modules", "modules_to_skip"];
    let excluded = excluded.iter().map(|field| said.texts(field)).find(|modules| !modules.is_empty());
    let mut excluded_modules = excluded.unwrap_or_default();
    excluded_modules.truncate(MAX_MODULES);
    Quantized {
        method_description: known.map(|method| method.1),
        bits: bits(&said, &method),
        group_size: ["group_size", "q_group_size"].iter().find_map(|field| said.get(field)),
        desc_act: said.flag("desc_act"),
        symmetric: said.flag("sym"),
        zero_point: said.flag("zero_point"),
        version: said
            .text("version")
            .or_else(|| said.text("checkpoint_format"))
            .map(|version| version.to_ascii_lowercase()),
        bits_per_weight: said.float("bits").filter(|bits| bits.fract() != 0.0 && (0.0..=64.0).contains(bits)),
        excluded_modules,
        backends: known.map_or(&[], |method| method.2),
        model_architecture: model.architecture,
        base_model: repository.base_model(),
        estimated_vram,
        estimated_vram_human: human(estimated_vram),
        method,
    }
}

/// The bits of one weight, whichever way a method writes them; the whole ones of a fraction.
fn bits(said: &Document, method: &str) -> Option<u64> {
    let loaded = || match (said.flag("load_in_4bit"), said.flag("load_in_8bit")) {
        (Some(true), _) => Some(4),
        (_, Some(true)) => Some(8),
        _ => None,
    };
    let grouped = || {
        let groups = said.object("config_groups")?;
        groups.fields().find_map(|group| groups.object(group)?.object("weights")?.number("num_bits"))
    };
    let mixed = || said.float("bits").map(|bits| bits as u64);
    let implied = || match method {
        "fp8" | "fbgemm_fp8" | "eetq" => Some(8),
        "mxfp4" => Some(4),
        _ => None,
    };
    let worded = || said.text("weights")?.trim_start_matches(|letter: char| letter.is_ascii_alphabetic()).parse().ok();
    let written = said.number_of(&["bits", "w_bit", "wbits", "num_bits", "nbits"]);
    let found = written.or_else(loaded).or_else(grouped).or_else(mixed).or_else(implied).or_else(worded);
    found.filter(|bits| (1..=64).contains(bits))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::analyze::testing::Fake;

    fn model(quantization: Value) -> Fake {
        let shape = json!({
            "architectures": ["MistralForCausalLM"], "hidden_size": 4096, "num_hidden_layers": 32,
            "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 32768,
        });
        let mut config = shape.as_object().unwrap().clone();
        config.insert("quantization_config".to_owned(), quantization);
        Fake::default().json("config.json", config.into()).large("model.safetensors", "", 4 << 30)
    }

    #[tokio::test]
    async fn a_gptq_model_is_told_under_its_method_and_as_quantized() {
        let settings = json!({
            "quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": true, "sym": true,
            "checkpoint_format": "gptq", "modules_to_not_convert": ["lm_head"],
        });
        let fake = model(settings).file("README.md", "---\nbase_model: mistralai/Mistral-7B\n---\n");
        let told = json!({
            "method": "gptq",
            "method_description": "GPTQ: quantized after training, layer by layer",
            "bits": 4,
            "group_size": 128,
            "desc_act": true,
            "symmetric": true,
            "version": "gptq",
            "excluded_modules": ["lm_head"],
            "backends": ["transformers", "vllm", "gptqmodel", "exllamav2"],
            "model_architecture": "MistralForCausalLM",
            "base_model": "mistralai/Mistral-7B",
            "estimated_vram": 4_831_838_208_u64,
            "estimated_vram_human": "4.5 GiB",
        });
        assert_eq!((fake.told("gptq").await, fake.told("quantized").await), (told.clone(), told));
        assert_eq!((fake.told("awq").await, fake.told("type").await), (Value::Null, json!("gptq")));
        assert_eq!(fake.reads().iter().filter(|(path, _)| path.ends_with(".safetensors")).count(), 0);
    }

    #[tokio::test]
    async fn an_awq_model_of_before_is_known_by_its_own_file() {
        let fake = Fake::default()
            .json("config.json", json!({"architectures": ["LlamaForCausalLM"]}))
            .json("quant_config.json", json!({"zero_point": true, "q_group_size": 128, "w_bit": 4, "version": "GEMM"}))
            .large("pytorch_model.bin", "", 800);
        assert_eq!(
            fake.told("awq").await,
            json!({
                "method": "awq",
                "method_description": "AWQ: weights that matter for activations are spared",
                "bits": 4,
                "group_size": 128,
                "zero_point": true,
                "version": "gemm",
                "backends": ["transformers", "vllm", "sglang"],
                "model_architecture": "LlamaForCausalLM",
                "estimated_vram": 900,
                "estimated_vram_human": "900 B",
            })
        );
    }

    #[tokio::test]
    async fn every_method_writes_its_bits_in_its_own_way() {
        let methods = [
            (json!({"quant_method": "exl2", "bits": 4.65}), Some(4), Some(4.65)),
            (json!({"load_in_4bit": true, "load_in_8bit": false}), Some(4), None),
            (json!({"quant_method": "fp8", "activation_scheme": "dynamic"}), Some(8), None),
            (
                json!({"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": {"num_bits": 8}}}}),
                Some(8),
                None,
            ),
            (json!({"quant_method": "quanto", "weights": "int4"}), Some(4), None),
            (json!({"quant_method": "gptq", "bits": "four"}), None, None),
            (json!({"quant_method": "gptq", "bits": 1e300}), None, None),
        ];
        for (settings, bits, fraction) in methods {
            let quantized = model(settings.clone()).analyzed().await.unwrap().details.quantized.unwrap();
            assert_eq!((quantized.bits, quantized.bits_per_weight), (bits, fraction), "{settings}");
        }
    }

    #[tokio::test]
    async fn settings_that_name_no_method_quantise_nothing() {
        for settings in
            [json!(null), json!([]), json!({}), json!({"quant_method": 7}), json!({"quant_method": "x".repeat(99)})]
        {
            assert_eq!(model(settings.clone()).told("type").await, "transformers", "{settings}");
        }
        let export = model(json!(null)).json("quantize_config.json", json!({"per_channel": true}));
        assert_eq!(export.told("type").await, "transformers");
    }
}
