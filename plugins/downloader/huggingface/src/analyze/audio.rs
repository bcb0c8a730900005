//! Models that hear or speak.

use ballast_contract::Result;
use serde::Serialize;

use super::config::ModelConfig;
use super::document::Document;
use super::repository::Repository;
use super::tasks;

/// The most languages that are listed.
const MAX_LANGUAGES: usize = 256;

/// What is said of audio models.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Audio {
    /// `automatic-speech-recognition`
    pub task: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_extractor_type: Option<String>,
    /// In Hz.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_mel_bins: Option<u64>,
    /// The longest input, in samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framework: Option<String>,
}

/// Looks at the repository.
pub(crate) async fn look(repository: &Repository<'_>, config: &Document) -> Result<Audio> {
    let extractor = repository.document("preprocessor_config.json").await?;
    let inner = config.object("audio_encoder").or_else(|| config.object("audio_config")).unwrap_or_default();
    let number = |name| extractor.number(name).or_else(|| config.number(name)).or_else(|| inner.number(name));
    let task = tasks::task(config, &ModelConfig::of(config), repository.task()).map(|task| task.0).unwrap_or_default();
    let sample_rate = number("sampling_rate").or_else(|| number("sample_rate"));
    let seconds = || sample_rate?.checked_mul(number("chunk_length_s").or_else(|| number("chunk_length"))?);
    // Whisper's extractors call the bins their feature size; that of raw audio is 1.
    let bins = || extractor.number("feature_size").filter(|size| *size > 1);
    let languages = repository.card.texts("language").into_iter().take(MAX_LANGUAGES);
    Ok(Audio {
        task: task.to_owned(),
        task_description: tasks::description(task),
        feature_extractor_type: extractor.text("feature_extractor_type"),
        sample_rate,
        num_mel_bins: number("num_mel_bins").or_else(bins),
        max_length: number("n_samples").or_else(seconds),
        languages: languages.map(str::to_owned).collect(),
        framework: framework(repository, config),
    })
}

/// The library that the hub or the card names; transformers where the config is one of its own.
pub(crate) fn framework(repository: &Repository<'_>, config: &Document) -> Option<String> {
    let own = || config.text("model_type").map(|_| "transformers".to_owned());
    repository.library().map(str::to_owned).or_else(own)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::analyze::testing::Fake;

    #[tokio::test]
    async fn a_speech_model_is_told_with_every_field() {
        let extractor = json!({
            "feature_extractor_type": "WhisperFeatureExtractor", "sampling_rate": 16000, "feature_size": 80,
            "chunk_length": 30, "n_samples": 480_000,
        });
        let config = json!({"architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper"});
        let fake = Fake::default()
            .json("config.json", config)
            .json("preprocessor_config.json", extractor)
            .file("README.md", "---\nlanguage:\n- en\n- de\n---\n")
            .file("model.safetensors", "");
        assert_eq!(
            fake.told("audio").await,
            json!({
                "task": "automatic-speech-recognition",
                "task_description": "Speech to text",
                "feature_extractor_type": "WhisperFeatureExtractor",
                "sample_rate": 16000,
                "num_mel_bins": 80,
                "max_length": 480_000,
                "languages": ["en", "de"],
                "framework": "transformers",
            })
        );
    }

    #[tokio::test]
    async fn a_model_of_another_library_is_told_by_its_card() {
        let card = "---\npipeline_tag: text-to-speech\nlibrary_name: nemo\nlanguage: en\n---\n";
        let fake = Fake::default().file("README.md", card).file("model.nemo", "").file("preprocessor_config.json", "7");
        let told = json!({"task": "text-to-speech", "task_description": "Text to speech", "languages": ["en"], "framework": "nemo"});
        assert_eq!(fake.told("audio").await, told);
    }
}
