//! Tasks: the hub's words for what models are for (<https://huggingface.co/tasks>), and how a config shows them.

use super::config::ModelConfig;
use super::document::Document;
use super::report::Type;

/// A task, what type a repository of such models is, and what to say of it.
type Task = (&'static str, Type, &'static str);

const TASKS: &[Task] = &[
    ("audio-classification", Type::Audio, "Audio classification"),
    ("audio-to-audio", Type::Audio, "Audio to audio"),
    ("automatic-speech-recognition", Type::Audio, "Speech to text"),
    ("text-to-audio", Type::Audio, "Text to audio"),
    ("text-to-speech", Type::Audio, "Text to speech"),
    ("voice-activity-detection", Type::Audio, "Detection of speech"),
    ("depth-estimation", Type::Vision, "Depth of an image"),
    ("image-classification", Type::Vision, "Image classification"),
    ("image-feature-extraction", Type::Vision, "Features of images"),
    ("image-segmentation", Type::Vision, "Image segmentation"),
    ("image-to-3d", Type::Vision, "Image to 3D"),
    ("image-to-image", Type::Vision, "Image to image"),
    ("image-to-video", Type::Vision, "Image to video"),
    ("keypoint-detection", Type::Vision, "Detection of key points"),
    ("mask-generation", Type::Vision, "Masks of objects"),
    ("object-detection", Type::Vision, "Object detection"),
    ("text-to-image", Type::Vision, "Text to image"),
    ("text-to-video", Type::Vision, "Text to video"),
    ("unconditional-image-generation", Type::Vision, "Image generation"),
    ("video-classification", Type::Vision, "Video classification"),
    ("any-to-any", Type::Multimodal, "Any modality to any other"),
    ("audio-text-to-text", Type::Multimodal, "Text from audio and text"),
    ("document-question-answering", Type::Multimodal, "Questions about documents"),
    ("image-text-to-text", Type::Multimodal, "Text from images and text"),
    ("image-to-text", Type::Multimodal, "Text from an image"),
    ("video-text-to-text", Type::Multimodal, "Text from video and text"),
    ("visual-document-retrieval", Type::Multimodal, "Search in images of documents"),
    ("visual-question-answering", Type::Multimodal, "Questions about images"),
    ("zero-shot-image-classification", Type::Multimodal, "Image classification by words"),
    ("zero-shot-object-detection", Type::Multimodal, "Object detection by words"),
    ("feature-extraction", Type::Transformers, "Features of text"),
    ("fill-mask", Type::Transformers, "Fills gaps in text"),
    ("question-answering", Type::Transformers, "Answers from a text"),
    ("sentence-similarity", Type::Transformers, "Similarity of sentences"),
    ("summarization", Type::Transformers, "Summaries"),
    ("table-question-answering", Type::Transformers, "Questions about tables"),
    ("text-classification", Type::Transformers, "Text classification"),
    ("text-generation", Type::Transformers, "Text generation"),
    ("text-ranking", Type::Transformers, "Ranking of texts"),
    ("text2text-generation", Type::Transformers, "Text from text"),
    ("token-classification", Type::Transformers, "Classification of words"),
    ("translation", Type::Transformers, "Translation"),
    ("zero-shot-classification", Type::Transformers, "Classification by words"),
];

/// How the name of an architecture ends, and its task.
const HEADS: &[(&str, &str)] = &[
    ("ForCTC", "automatic-speech-recognition"),
    ("ForSpeechSeq2Seq", "automatic-speech-recognition"),
    ("ForAudioClassification", "audio-classification"),
    ("ForSpeechClassification", "audio-classification"),
    ("ForTextToSpeech", "text-to-speech"),
    ("ForTextToWaveform", "text-to-audio"),
    ("ForImageClassification", "image-classification"),
    ("ForVideoClassification", "video-classification"),
    ("ForObjectDetection", "object-detection"),
    ("ForSemanticSegmentation", "image-segmentation"),
    ("ForInstanceSegmentation", "image-segmentation"),
    ("ForUniversalSegmentation", "image-segmentation"),
    ("ForImageSegmentation", "image-segmentation"),
    ("ForDepthEstimation", "depth-estimation"),
    ("ForKeypointDetection", "keypoint-detection"),
    ("ForImageSuperResolution", "image-to-image"),
    ("ForMaskedImageModeling", "image-feature-extraction"),
    ("ForImageTextToText", "image-text-to-text"),
    ("ForVision2Seq", "image-text-to-text"),
    ("ForVisualQuestionAnswering", "visual-question-answering"),
    ("ForZeroShotObjectDetection", "zero-shot-object-detection"),
    ("ForCausalLM", "text-generation"),
    ("LMHeadModel", "text-generation"),
    ("ForMaskedLM", "fill-mask"),
    ("ForSequenceClassification", "text-classification"),
    ("ForTokenClassification", "token-classification"),
    ("ForQuestionAnswering", "question-answering"),
    ("ForConditionalGeneration", "text2text-generation"),
];

/// Families of models whose heads have names that others have too, or that have none.
const FAMILIES: &[(&str, &[&str])] = &[
    ("automatic-speech-recognition", &["whisper", "moonshine", "speech_to_text"]),
    ("text-to-speech", &["speecht5", "vits", "bark", "parler_tts", "csm", "dia"]),
    ("text-to-audio", &["musicgen", "musicgen_melody"]),
    ("audio-classification", &["wav2vec2", "hubert", "wavlm", "audio-spectrogram-transformer", "unispeech", "clap"]),
    (
        "image-classification",
        &["vit", "swin", "swinv2", "resnet", "convnext", "convnextv2", "beit", "deit", "mobilevit"],
    ),
    ("image-feature-extraction", &["dinov2", "dinov3_vit", "vit_mae", "ijepa"]),
    ("object-detection", &["detr", "yolos", "rt_detr", "rt_detr_v2", "deformable_detr", "d_fine"]),
    ("image-segmentation", &["segformer", "maskformer", "mask2former", "oneformer"]),
    ("mask-generation", &["sam", "sam2", "sam_hq"]),
    ("depth-estimation", &["depth_anything", "dpt", "glpn", "zoedepth"]),
    ("zero-shot-image-classification", &["clip", "siglip", "siglip2", "align", "altclip", "chinese_clip"]),
    ("image-to-text", &["blip", "blip-2", "git", "vision-encoder-decoder"]),
    ("audio-text-to-text", &["qwen2_audio", "voxtral", "ultravox", "granite_speech"]),
];

/// The task of this name, in the hub's words.
pub(crate) fn known(name: &str) -> Option<&'static Task> {
    TASKS.iter().find(|task| task.0 == name)
}

/// What to say of a task.
pub(crate) fn description(name: &str) -> Option<String> {
    known(name).map(|task| task.2.to_owned())
}

/// The task of a model: what its config shows, and what its hub or card says where the config shows none. A card is
/// copied more often than a config.
pub(crate) fn task(config: &Document, model: &ModelConfig, said: Option<&str>) -> Option<&'static Task> {
    let said = said.and_then(known);
    let family = || {
        let model_type = model.model_type.as_deref()?;
        FAMILIES.iter().find(|(_, types)| types.contains(&model_type)).map(|(task, _)| *task)
    };
    let head = || {
        let architecture = model.architecture.as_deref()?;
        HEADS.iter().find(|(end, _)| architecture.ends_with(end)).map(|(_, task)| *task)
    };
    let parts = || {
        let (text, vision, audio) = (config.has("text_config"), sees(config), config.has("audio_config"));
        match (text || model.vocab_size.is_some(), vision, audio) {
            (true, true, true) => Some("any-to-any"),
            (true, true, false) => Some("image-text-to-text"),
            (true, false, true) => Some("audio-text-to-text"),
            _ => None,
        }
    };
    let shown = match head() {
        // What it is conditioned on is not in the name.
        None | Some("text2text-generation" | "text-generation") => family().or_else(parts).or_else(head),
        Some(head) => Some(head),
    };
    let shown = shown.and_then(known);
    match (shown, said) {
        // The same type: the card says it more exactly.
        (Some(shown), Some(said)) if shown.1 == said.1 => Some(said),
        (shown, said) => shown.or(said),
    }
}

/// Whether it has a part that sees.
pub(crate) fn sees(config: &Document) -> bool {
    ["vision_config", "vision_tower", "mm_vision_tower", "visual"].iter().any(|part| config.has(part))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn found(config: Value, said: Option<&str>) -> Option<&'static str> {
        let config = Document::parse(config.to_string().as_bytes()).unwrap();
        task(&config, &ModelConfig::of(&config), said).map(|task| task.0)
    }

    #[test]
    fn a_config_shows_what_the_model_is_for() {
        let shown = [
            (json!({"architectures": ["LlamaForCausalLM"]}), "text-generation"),
            (json!({"architectures": ["T5ForConditionalGeneration"], "model_type": "t5"}), "text2text-generation"),
            (
                json!({"architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper"}),
                "automatic-speech-recognition",
            ),
            (json!({"architectures": ["Wav2Vec2ForCTC"], "model_type": "wav2vec2"}), "automatic-speech-recognition"),
            (json!({"architectures": ["ViTForImageClassification"], "model_type": "vit"}), "image-classification"),
            (
                json!({"architectures": ["CLIPModel"], "model_type": "clip", "vision_config": {}, "text_config": {}}),
                "zero-shot-image-classification",
            ),
            (
                json!({"architectures": ["Gemma3ForConditionalGeneration"], "vision_config": {}, "text_config": {}}),
                "image-text-to-text",
            ),
            (
                json!({"architectures": ["Phi4MMForCausalLM"], "vocab_size": 9, "vision_config": {}, "audio_config": {}}),
                "any-to-any",
            ),
        ];
        for (config, task) in shown {
            assert_eq!(found(config.clone(), None), Some(task), "{config}");
        }
    }

    #[test]
    fn a_card_is_believed_where_the_config_shows_nothing_else() {
        let bert = json!({"architectures": ["BertModel"], "model_type": "bert"});
        assert_eq!(found(bert.clone(), Some("sentence-similarity")), Some("sentence-similarity"));
        assert_eq!(
            found(json!({"architectures": ["LlamaForCausalLM"]}), Some("object-detection")),
            Some("text-generation")
        );
        assert_eq!(
            found(json!({"architectures": ["T5ForConditionalGeneration"]}), Some("translation")),
            Some("translation")
        );
        assert_eq!(found(bert, Some("a-task-of-tomorrow")), None);
    }

    #[test]
    fn every_task_that_is_concluded_is_a_task() {
        for name in HEADS.iter().map(|head| head.1).chain(FAMILIES.iter().map(|family| family.0)) {
            assert!(known(name).is_some(), "{name}");
        }
    }
}
