//! Models that see or draw.

use ballast_contract::Result;
use serde::Serialize;

use super::audio::framework;
use super::config::ModelConfig;
use super::document::Document;
use super::repository::Repository;
use super::tasks;

/// What is said of vision models.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Vision {
    /// `image-classification`
    pub task: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_processor_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_size: Option<ImageSize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_channels: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_labels: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalization: Option<Normalization>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framework: Option<String>,
}

/// In pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ImageSize {
    pub height: u64,
    pub width: u64,
}

/// What is taken off each channel, and what it is divided by.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Normalization {
    pub mean: Vec<f64>,
    pub std: Vec<f64>,
}

/// Looks at the repository.
pub(crate) async fn look(repository: &Repository<'_>, config: &Document) -> Result<Vision> {
    let processor = repository.document("preprocessor_config.json").await?;
    let task = tasks::task(config, &ModelConfig::of(config), repository.task()).map(|task| task.0).unwrap_or_default();
    let labels = || config.object("id2label").map(|labels| labels.fields().count() as u64).filter(|count| *count > 0);
    let kind = processor.text("image_processor_type").or_else(|| processor.text("feature_extractor_type"));
    Ok(Vision {
        task: task.to_owned(),
        task_description: tasks::description(task),
        image_processor_type: kind,
        image_size: image_size(config, &processor),
        num_channels: config.number_of(&["num_channels", "in_channels", "in_chans"]),
        num_labels: config.number_of(&["num_labels", "num_classes"]).or_else(labels),
        normalization: normalization(&processor),
        framework: framework(repository, config),
    })
}

/// The size of an image that goes in: what is cut out of it, or what it is scaled to, or what the config says.
pub(crate) fn image_size(config: &Document, processor: &Document) -> Option<ImageSize> {
    let vision = || config.object("vision_config")?.get_size("image_size");
    let found = processor.get_size("crop_size").or_else(|| processor.get_size("size"));
    found.or_else(|| config.get_size("image_size")).or_else(vision)
}

impl Document {
    /// A size: one number, two in a list, `{height, width}`, or `{shortest_edge}`.
    fn get_size(&self, field: &str) -> Option<ImageSize> {
        let square = |edge| ImageSize { height: edge, width: edge };
        let pair = || self.get::<[u64; 2]>(field).map(|[height, width]| ImageSize { height, width });
        let named = || {
            let size = self.object(field)?;
            let sides = || Some(ImageSize { height: size.number("height")?, width: size.number("width")? });
            sides().or_else(|| size.number("shortest_edge").map(square))
        };
        let size = self.number(field).map(square).or_else(pair).or_else(named);
        size.filter(|size| size.height > 0 && size.width > 0)
    }
}

fn normalization(processor: &Document) -> Option<Normalization> {
    let channels = |field| processor.get::<Vec<f64>>(field).filter(|values| (1..=16).contains(&values.len()));
    let wanted = processor.flag("do_normalize") != Some(false);
    wanted.then_some(())?;
    Some(Normalization { mean: channels("image_mean")?, std: channels("image_std")? })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::analyze::testing::Fake;

    #[tokio::test]
    async fn a_classifier_is_told_with_every_field() {
        let config = json!({
            "architectures": ["ViTForImageClassification"], "model_type": "vit", "image_size": 224, "num_channels": 3,
            "id2label": {"0": "cat", "1": "dog"},
        });
        let processor = json!({
            "image_processor_type": "ViTImageProcessor", "size": {"height": 384, "width": 256},
            "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.25, 0.5],
        });
        let fake = Fake::default()
            .json("config.json", config)
            .json("preprocessor_config.json", processor)
            .file("model.safetensors", "");
        assert_eq!(
            fake.told("vision").await,
            json!({
                "task": "image-classification",
                "task_description": "Image classification",
                "image_processor_type": "ViTImageProcessor",
                "image_size": {"height": 384, "width": 256},
                "num_channels": 3,
                "num_labels": 2,
                "normalization": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.25, 0.5]},
                "framework": "transformers",
            })
        );
    }

    #[test]
    fn sizes_are_read_in_every_way_they_are_written() {
        let size = |value: Value| {
            let config = Document::parse(json!({"image_size": value}).to_string().as_bytes()).unwrap();
            image_size(&config, &Document::default()).map(|size| (size.height, size.width))
        };
        assert_eq!(size(json!(224)), Some((224, 224)));
        assert_eq!(size(json!([32, 64])), Some((32, 64)));
        assert_eq!(size(json!({"shortest_edge": 256})), Some((256, 256)));
        for wrong in [json!(0), json!(-1), json!([1]), json!({}), json!("224"), json!({"height": 1}), json!(null)] {
            assert_eq!(size(wrong.clone()), None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_processor_that_makes_no_sense_leaves_fields_out() {
        let processor =
            json!({"image_mean": vec![0.5; 1000], "image_std": "x", "size": [[]], "image_processor_type": 1});
        let fake = Fake::default()
            .json("config.json", json!({"model_type": "sam"}))
            .json("preprocessor_config.json", processor)
            .file("model.safetensors", "");
        let told =
            json!({"task": "mask-generation", "task_description": "Masks of objects", "framework": "transformers"});
        assert_eq!(fake.told("vision").await, told);
    }
}
