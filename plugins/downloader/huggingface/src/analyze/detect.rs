//! What type a repository is. The order matters: a quantised model has all that a transformers model has, and a GGUF
//! repository often a copy of the original's `config.json`.

use ballast_types::RepoKind;

use super::config::ModelConfig;
use super::document::Document;
use super::quantized::Settings;
use super::report::Type;
use super::repository::Repository;
use super::{gguf, lora, tasks, weights};

/// The first type of which a repository has the marks.
pub(crate) fn detect(repository: &Repository<'_>, config: &Document, quantization: Option<&Settings>) -> Type {
    match repository.kind {
        RepoKind::Dataset => return Type::Dataset,
        RepoKind::Space => return Type::Generic,
        RepoKind::Model => {}
    }
    let any = |mark: fn(&str) -> bool| repository.files.iter().any(|file| mark(file.path.as_str()));
    let weighs = repository.root().any(|file| weights::format(file).is_some());
    let onnx = any(|path| path.ends_with(".onnx"));
    let task = || tasks::task(config, &ModelConfig::of(config), repository.task()).map(|task| task.1);
    let special = |of: &Type| matches!(of, Type::Multimodal | Type::Audio | Type::Vision);

    if repository.files.iter().any(gguf::is_model) {
        Type::Gguf
    } else if repository.has("model_index.json") {
        Type::Diffusers
    } else if lora::is(repository) {
        Type::Lora
    } else if let Some(settings) = quantization.filter(|_| weighs) {
        settings.kind()
    } else if let Some(found) = task().filter(|found| special(found) && (weighs || !onnx)) {
        found
    } else if repository.has("config.json") && weighs {
        Type::Transformers
    } else if onnx {
        Type::Onnx
    } else {
        Type::Generic
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::analyze::testing::Fake;

    #[tokio::test]
    async fn the_first_type_of_which_there_are_marks_is_the_type() {
        let config = |value| Fake::default().json("config.json", value);
        let bert = || config(json!({"architectures": ["BertModel"], "model_type": "bert"}));
        let whisper = || config(json!({"model_type": "whisper"}));
        let quantized = |method| {
            let settings = json!({"quantization_config": {"quant_method": method, "bits": 4}});
            config(settings).file("model.safetensors", "")
        };
        let repositories = [
            (Fake::default(), Type::Generic),
            (bert(), Type::Generic),
            (bert().file("onnx/model.onnx", ""), Type::Onnx),
            (bert().file("onnx/model.onnx", "").file("pytorch_model.bin", ""), Type::Transformers),
            (bert().file("model.safetensors", "").file("a/b-Q4_0.gguf", ""), Type::Gguf),
            (bert().file("model.safetensors", "").file("mmproj-f16.gguf", ""), Type::Transformers),
            (Fake::default().file("model_index.json", "").file("unet/model.safetensors", ""), Type::Diffusers),
            (bert().file("adapter_config.json", "").file("adapter_model.safetensors", ""), Type::Lora),
            (whisper().file("model.safetensors", ""), Type::Audio),
            (whisper().file("onnx/encoder_model.onnx", ""), Type::Onnx),
            (config(json!({"architectures": ["ViTForImageClassification"]})).file("a.pt", ""), Type::Vision),
            (config(json!({"model_type": "clip"})).file("a.bin", ""), Type::Multimodal),
            (Fake::default().file("hyperparams.yaml", "").file("a.ckpt", "").task("text-to-speech"), Type::Audio),
            (Fake::default().file("config.json", "[").file("model.safetensors", ""), Type::Transformers),
            (quantized("gptq"), Type::Gptq),
            (quantized("AWQ"), Type::Awq),
            (quantized("bitsandbytes"), Type::Quantized),
        ];
        for (number, (fake, kind)) in repositories.into_iter().enumerate() {
            assert_eq!(fake.analyzed().await.unwrap().kind, kind, "{number}");
        }
    }

    #[tokio::test]
    async fn datasets_and_spaces_are_what_they_are_said_to_be() {
        let fake = Fake::default().file("a-Q4_0.gguf", "").file("train.parquet", "");
        assert_eq!(fake.analyzed_as(RepoKind::Dataset).await.unwrap().kind, Type::Dataset);
        assert_eq!(fake.analyzed_as(RepoKind::Space).await.unwrap().kind, Type::Generic);
    }
}
