//! Tokenizers, by `tokenizer_config.json` and `special_tokens_map.json`.

use std::collections::BTreeMap;

use ballast_contract::Result;
use serde::Serialize;

use super::document::Document;
use super::repository::Repository;

/// The longest chat template that is shown.
const MAX_TEMPLATE: usize = 64 << 10;
/// The most special tokens that are shown.
const MAX_TOKENS: usize = 64;

/// A tokenizer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Tokenizer {
    /// Its class.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vocab_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_max_length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub padding_side: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncation_side: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add_bos_token: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add_eos_token: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_template: Option<String>,
    pub has_chat_template: bool,
}

/// What a repository says of its tokenizer, with the size of the vocabulary that the model's config has; and the special
/// tokens by their names.
pub(crate) async fn look(
    repository: &Repository<'_>,
    vocab_size: Option<u64>,
) -> Result<(Option<Tokenizer>, BTreeMap<String, String>)> {
    let config = repository.document("tokenizer_config.json").await?;
    let named = repository.document("special_tokens_map.json").await?;
    let tokens = named.fields().chain(config.fields()).filter(|name| name.ends_with("_token"));
    let token = |name: &str| Some((name.to_owned(), token(&named, name).or_else(|| token(&config, name))?));
    let tokens = tokens.filter_map(token).take(MAX_TOKENS).collect();

    let files = ["tokenizer_config.json", "tokenizer.json", "tokenizer.model", "vocab.txt", "vocab.json"];
    if !files.iter().any(|file| repository.has(file)) {
        return Ok((None, tokens));
    }
    let template = template(&config);
    let tokenizer = Tokenizer {
        class: config.text("tokenizer_class"),
        vocab_size: config.number("vocab_size").or(vocab_size),
        model_max_length: config.number("model_max_length"),
        padding_side: config.text("padding_side"),
        truncation_side: config.text("truncation_side"),
        add_bos_token: config.flag("add_bos_token"),
        add_eos_token: config.flag("add_eos_token"),
        has_chat_template: template.is_some() || config.has("chat_template") || repository.has("chat_template.jinja"),
        chat_template: template.filter(|template| template.len() <= MAX_TEMPLATE),
    };
    Ok((Some(tokenizer), tokens))
}

/// A special token: a text, or an object with one.
fn token(document: &Document, name: &str) -> Option<String> {
    document.text(name).or_else(|| document.object(name)?.text("content")).filter(|token| token.len() <= 256)
}

/// The chat template; of several with names the one for ordinary use.
fn template(config: &Document) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Named {
        name: String,
        template: String,
    }
    let named = || config.get::<Vec<Named>>("chat_template")?.into_iter().find(|one| one.name == "default");
    config.text("chat_template").or_else(|| named().map(|named| named.template))
}
