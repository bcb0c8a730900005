//! `config.json` of transformers: what model it is and how large, whichever names its library has for that.

use super::document::Document;
use super::memory::Attention;

/// What a config says of a model.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct ModelConfig {
    /// `LlamaForCausalLM`
    pub(crate) architecture: Option<String>,
    /// `llama`
    pub(crate) model_type: Option<String>,
    pub(crate) hidden_size: Option<u64>,
    pub(crate) layers: Option<u64>,
    pub(crate) heads: Option<u64>,
    pub(crate) key_value_heads: Option<u64>,
    pub(crate) head_dim: Option<u64>,
    pub(crate) intermediate_size: Option<u64>,
    pub(crate) vocab_size: Option<u64>,
    pub(crate) max_positions: Option<u64>,
    /// How many tokens it takes with its stretched positions.
    pub(crate) context: Option<u64>,
    pub(crate) dtype: Option<String>,
}

impl ModelConfig {
    /// Reads a config; of a model of several, what it says of the one for text.
    pub(crate) fn of(config: &Document) -> Self {
        let text = ["text_config", "llm_config", "language_config"].iter().find_map(|name| config.object(name));
        let number =
            |names: &[&str]| config.number_of(names).or_else(|| text.as_ref().and_then(|text| text.number_of(names)));
        let word = |names: &[&str]| names.iter().find_map(|name| config.text(name));
        let max_positions = number(&[
            "max_position_embeddings",
            "n_positions",
            "max_seq_len",
            "max_sequence_length",
            "seq_length",
            "n_ctx",
            "max_target_positions",
        ]);
        Self {
            architecture: config.texts("architectures").into_iter().next(),
            model_type: config.text("model_type"),
            hidden_size: number(&["hidden_size", "n_embd", "d_model", "dim"]),
            layers: number(&["num_hidden_layers", "n_layer", "num_layers", "n_layers", "encoder_layers"]),
            heads: number(&["num_attention_heads", "n_head", "num_heads", "n_heads", "encoder_attention_heads"]),
            key_value_heads: number(&["num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num"]),
            head_dim: number(&["head_dim"]),
            intermediate_size: number(&["intermediate_size", "ffn_dim", "n_inner", "d_ff", "encoder_ffn_dim"]),
            vocab_size: number(&["vocab_size"]),
            max_positions,
            context: max_positions.map(|positions| stretched(text.as_ref().unwrap_or(config), positions)),
            dtype: word(&["torch_dtype", "dtype"]).or_else(|| text.as_ref()?.text("torch_dtype")),
        }
    }

    /// The attention, where it follows from the config.
    pub(crate) fn attention(&self) -> Option<Attention> {
        let length = self.head_dim.or_else(|| self.hidden_size?.checked_div(self.heads?))?;
        let heads = self.key_value_heads.or(self.heads)?.checked_mul(self.layers?)?;
        Some(Attention { heads, key: length, value: length, context: self.context })
    }
}

/// The positions with `rope_scaling`: its factor counts from the original ones, where they are told. The sum of what a
/// config may say is bounded, because it is only text.
fn stretched(config: &Document, positions: u64) -> u64 {
    const MOST: f64 = 1e9;
    let Some(scaling) = config.object("rope_scaling") else { return positions };
    let Some(factor) = scaling.float("factor").filter(|factor| *factor >= 1.0) else { return positions };
    let original = scaling.number("original_max_position_embeddings").unwrap_or(positions);
    let reached = original as f64 * factor;
    if reached <= MOST { positions.max(reached as u64) } else { positions }
}

/// The precision as people call it: `bf16` of `bfloat16` and `BF16`.
pub(crate) fn precision(dtype: &str) -> String {
    match dtype.trim_start_matches("torch.") {
        "float32" | "float" | "F32" => "fp32",
        "float16" | "half" | "F16" => "fp16",
        "bfloat16" | "BF16" => "bf16",
        "float64" | "double" | "F64" => "fp64",
        "int8" | "I8" => "int8",
        "uint8" | "U8" => "uint8",
        fp8 if fp8.starts_with("F8_") || fp8.starts_with("float8") => "fp8",
        "F4" => "fp4",
        other => return other.to_ascii_lowercase().chars().take(32).collect(),
    }
    .to_owned()
}

/// Bytes of one number of a precision; none for others.
pub(crate) fn width(precision: &str) -> Option<u64> {
    match precision {
        "fp64" => Some(8),
        "fp32" => Some(4),
        "fp16" | "bf16" => Some(2),
        "fp8" | "int8" | "uint8" => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn config(value: Value) -> ModelConfig {
        ModelConfig::of(&Document::parse(value.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn the_names_of_other_libraries_are_known() {
        let gpt = config(json!({"n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024, "vocab_size": 50257}));
        assert_eq!((gpt.hidden_size, gpt.layers, gpt.heads, gpt.context), (Some(768), Some(12), Some(12), Some(1024)));
        let attention = Attention { heads: 144, key: 64, value: 64, context: Some(1024) };
        assert_eq!(gpt.attention(), Some(attention));
    }

    #[test]
    fn what_a_model_of_several_says_of_text_is_taken() {
        let llava = config(json!({"model_type": "llava", "text_config": {"hidden_size": 4096, "vocab_size": 32064}}));
        assert_eq!((llava.hidden_size, llava.vocab_size, llava.attention()), (Some(4096), Some(32064), None));
    }

    #[test]
    fn stretched_positions_make_a_longer_context() {
        let with = |scaling: Value| config(json!({"max_position_embeddings": 8192, "rope_scaling": scaling})).context;
        assert_eq!(with(json!(null)), Some(8192));
        assert_eq!(with(json!({"factor": 4.0})), Some(32_768));
        assert_eq!(with(json!({"factor": 8, "original_max_position_embeddings": 1024})), Some(8192));
        assert_eq!(with(json!({"factor": 1e300})), Some(8192));
        assert_eq!(with(json!({"factor": "four"})), Some(8192));
    }

    #[test]
    fn sizes_that_cannot_be_true_describe_no_attention() {
        let huge = config(json!({"num_hidden_layers": u64::MAX, "num_attention_heads": 3, "hidden_size": 9}));
        assert_eq!(huge.attention(), None);
        assert_eq!(
            config(json!({"num_hidden_layers": 1, "num_attention_heads": 0, "hidden_size": 9})).attention(),
            None
        );
    }

    #[test]
    fn precisions_have_one_name() {
        let names = ["torch.bfloat16", "BF16", "F8_E4M3", "float16", "Q9"].map(precision);
        assert_eq!(names, ["bf16", "bf16", "fp8", "fp16", "q9"]);
    }
}
