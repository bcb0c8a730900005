//! Models of more than one modality.

use ballast_contract::Result;
use serde::Serialize;

use super::audio::framework;
use super::config::ModelConfig;
use super::document::Document;
use super::repository::Repository;
use super::tasks;
use super::vision::{ImageSize, image_size};

/// What is said of multimodal models.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Multimodal {
    /// `image-text-to-text`
    pub task: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_description: Option<String>,
    /// Of text, image, audio and video those that it takes.
    pub modalities: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processor_type: Option<String>,
    /// The type of the part that sees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vision_encoder: Option<String>,
    /// The type of the part for text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_encoder: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_size: Option<ImageSize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_text_length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framework: Option<String>,
}

/// Looks at the repository.
pub(crate) async fn look(repository: &Repository<'_>, config: &Document) -> Result<Multimodal> {
    let images = repository.document("preprocessor_config.json").await?;
    let whole = repository.document("processor_config.json").await?;
    let model = ModelConfig::of(config);
    let task = tasks::task(config, &model, repository.task()).map(|task| task.0).unwrap_or_default();
    let part = |names: &[&str]| {
        let inner = names.iter().find_map(|name| config.object(name));
        inner.and_then(|inner| inner.text("model_type")).or_else(|| names.iter().find_map(|name| config.text(name)))
    };
    Ok(Multimodal {
        task: task.to_owned(),
        task_description: tasks::description(task),
        modalities: modalities(task, config),
        processor_type: whole.text("processor_class").or_else(|| images.text("processor_class")),
        vision_encoder: part(&["vision_config", "vision_tower", "mm_vision_tower", "encoder"]),
        text_encoder: part(&["text_config", "llm_config", "language_config", "decoder"]),
        image_size: image_size(config, &images),
        max_text_length: model.max_positions,
        framework: framework(repository, config),
    })
}

/// What goes in: by the task's name, and by the parts of the model.
fn modalities(task: &str, config: &Document) -> Vec<&'static str> {
    let said = |words: &[&str]| words.iter().any(|word| task.contains(word));
    let any = task == "any-to-any";
    // All tasks here write or read text.
    let found = [
        ("text", true),
        ("image", said(&["image", "visual", "document", "object"]) || tasks::sees(config) || any),
        ("audio", said(&["audio"]) || config.has("audio_config") || (any && !tasks::sees(config))),
        ("video", said(&["video"]) || config.has("video_token_id") || config.has("video_token_index")),
    ];
    found.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::analyze::testing::Fake;

    #[tokio::test]
    async fn a_model_that_talks_about_images_is_told_with_every_field() {
        let config = json!({
            "architectures": ["LlavaForConditionalGeneration"], "model_type": "llava",
            "vision_config": {"model_type": "clip_vision_model", "image_size": 336},
            "text_config": {"model_type": "llama", "max_position_embeddings": 4096},
        });
        let fake = Fake::default()
            .json("config.json", config)
            .json("preprocessor_config.json", json!({"processor_class": "LlavaProcessor"}))
            .file("model.safetensors", "");
        assert_eq!(
            fake.told("multimodal").await,
            json!({
                "task": "image-text-to-text",
                "task_description": "Text from images and text",
                "modalities": ["text", "image"],
                "processor_type": "LlavaProcessor",
                "vision_encoder": "clip_vision_model",
                "text_encoder": "llama",
                "image_size": {"height": 336, "width": 336},
                "max_text_length": 4096,
                "framework": "transformers",
            })
        );
    }

    #[tokio::test]
    async fn other_modalities_are_known_by_task_and_by_parts() {
        let model = |config| Fake::default().json("config.json", config).file("model.safetensors", "");
        let modalities = [
            (model(json!({"model_type": "qwen2_audio", "audio_config": {}})), json!(["text", "audio"])),
            (
                model(json!({"model_type": "x", "vision_config": {}, "text_config": {}, "video_token_id": 7})),
                json!(["text", "image", "video"]),
            ),
            (
                model(json!({"model_type": "x", "vision_config": {}, "text_config": {}, "audio_config": {}})),
                json!(["text", "image", "audio"]),
            ),
            (model(json!([])).task("visual-question-answering"), json!(["text", "image"])),
        ];
        for (fake, expected) in modalities {
            assert_eq!(fake.told("multimodal").await["modalities"], expected);
        }
    }
}
