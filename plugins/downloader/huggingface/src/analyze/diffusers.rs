//! Pipelines in the layout of diffusers: `model_index.json` names the parts, and each has a folder.

use std::collections::BTreeSet;

use ballast_contract::Result;
use ballast_contract::downloader::SourceFile;
use serde::Serialize;

use super::config;
use super::report::{FileInfo, human};
use super::repository::{Repository, shown, total};
use super::safetensors;
use super::weights;

/// The most parts that are told of, files that are listed of one, and headers that are read.
const MAX_PARTS: usize = 32;
const MAX_FILES: usize = 200;
const MAX_HEADERS: usize = 8;

/// What is said of pipelines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diffusers {
    /// `StableDiffusionXLPipeline`; empty where the index names none.
    pub pipeline_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline_description: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diffusers_version: Option<String>,
    /// In the order of their names.
    pub components: Vec<Component>,
    /// What stands in the names of weights: `fp16`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<String>,
    /// What the weights are kept in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub precisions: Vec<String>,
}

/// A part of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Component {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub library: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_name: Option<String>,
    /// In bytes, all variants and formats counted.
    pub size: u64,
    pub size_human: String,
    pub files: Vec<FileInfo>,
    /// Whether the pipeline runs without it.
    pub required: bool,
}

/// How names of pipelines begin, and what to say of them; longer names first.
const PIPELINES: &[(&str, &str)] = &[
    ("StableDiffusionXL", "Stable Diffusion XL"),
    ("StableDiffusion3", "Stable Diffusion 3"),
    ("StableDiffusionUpscale", "Stable Diffusion, larger images"),
    ("StableVideoDiffusion", "Stable Video Diffusion"),
    ("StableDiffusion", "Stable Diffusion"),
    ("StableAudio", "Stable Audio"),
    ("StableCascade", "Stable Cascade"),
    ("LatentConsistencyModel", "Latent consistency model"),
    ("FluxKontext", "FLUX.1 Kontext"),
    ("Flux", "FLUX"),
    ("PixArt", "PixArt"),
    ("Sana", "Sana"),
    ("Kandinsky", "Kandinsky"),
    ("HunyuanVideo", "Hunyuan video"),
    ("HunyuanDiT", "Hunyuan-DiT"),
    ("CogVideoX", "CogVideoX, video"),
    ("LTX", "LTX, video"),
    ("Wan", "Wan, video"),
    ("Mochi", "Mochi, video"),
    ("QwenImage", "Qwen-Image"),
    ("AuraFlow", "AuraFlow"),
    ("AudioLDM", "AudioLDM"),
    ("DDPM", "Denoising diffusion, without conditions"),
    ("DDIM", "Denoising diffusion, without conditions"),
];

/// Parts that pipelines do without.
const OPTIONAL: &[&str] = &["safety_checker", "feature_extractor", "image_encoder", "watermarker"];

/// Looks at the repository.
pub(crate) async fn look(repository: &Repository<'_>) -> Result<Diffusers> {
    let index = repository.document("model_index.json").await?;
    let part = |name: &str| {
        // A part that is left out is written as a pair of nulls.
        let [library, class_name] = index.get::<[Option<String>; 2]>(name).filter(|pair| pair[1].is_some())?;
        let files: Vec<_> = repository.below(name).collect();
        let size = total(files.iter().copied());
        let (files, size_human) = (shown(files.into_iter().take(MAX_FILES)), human(size));
        let required = !OPTIONAL.contains(&name);
        Some(Component { name: name.to_owned(), library, class_name, size, size_human, files, required })
    };
    let components: Vec<_> = index
        .fields()
        .filter(|name| !name.starts_with('_') && !name.contains('/'))
        .filter_map(part)
        .take(MAX_PARTS)
        .collect();
    let pipeline_type = index.text("_class_name").unwrap_or_default();
    let known = PIPELINES.iter().find(|(begins, _)| pipeline_type.starts_with(begins));
    Ok(Diffusers {
        pipeline_description: known.map(|pipeline| pipeline.1),
        pipeline_type,
        diffusers_version: index.text("_diffusers_version"),
        variants: repository.files.iter().filter_map(variant).collect::<BTreeSet<_>>().into_iter().collect(),
        precisions: precisions(repository, &components).await?,
        components,
    })
}

/// The variant in a name: `fp16` of `diffusion_pytorch_model.fp16.safetensors`, also where it is in pieces.
fn variant(file: &SourceFile) -> Option<String> {
    weights::format(file)?;
    let mut words = file.path.file_name().split('.').skip(1);
    let word = words.next()?;
    words.next()?;
    let word = word.split_once("-0").map_or(word, |(word, _)| word);
    let known = ["fp16", "bf16", "fp32", "fp8", "non_ema", "ema", "int8"];
    known.contains(&word).then(|| word.to_owned())
}

/// What the largest weights of each part are kept in, of every variant.
async fn precisions(repository: &Repository<'_>, components: &[Component]) -> Result<Vec<String>> {
    let heavy = |component: &&Component| component.files.iter().any(|file| file.path.ends_with(".safetensors"));
    let mut found = BTreeSet::new();
    let mut read = 0;
    for component in components.iter().filter(heavy) {
        let files = repository.below(&component.name).filter(|file| weights::format(file) == Some("safetensors"));
        let mut largest = std::collections::BTreeMap::new();
        for file in files {
            let best = largest.entry(variant(file)).or_insert(file);
            *best = if file.size > best.size { file } else { best };
        }
        for file in largest.into_values() {
            if read == MAX_HEADERS {
                return Ok(found.into_iter().collect());
            }
            read += 1;
            let header = repository.borne(file.path.as_str(), safetensors::read(repository, file).await)?;
            found.extend(header.and_then(|header| header.main_type().map(config::precision)));
        }
    }
    Ok(found.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::analyze::testing::{Fake, safetensors};

    fn pipeline() -> Fake {
        let index = json!({
            "_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.30.0",
            "unet": ["diffusers", "UNet2DConditionModel"], "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
            "image_encoder": [null, null], "requires_safety_checker": true,
        });
        Fake::default().json("model_index.json", index)
    }

    #[tokio::test]
    async fn a_pipeline_is_told_with_its_parts() {
        let half = safetensors(&[("a", "F16", &[4])], &[]);
        let full = safetensors(&[("a", "F32", &[4])], &[]);
        let size = (half.len() + full.len()) as u64;
        let fake = pipeline()
            .file("unet/diffusion_pytorch_model.fp16.safetensors", half.clone())
            .file("unet/diffusion_pytorch_model.safetensors", full.clone());
        let file = |name: &str, size: usize| {
            json!({
                "name": name, "path": format!("unet/{name}"), "size": size, "size_human": format!("{size} B"),
                "lfs": false, "is_lfs": false, "directory": "unet",
            })
        };
        let files = [
            file("diffusion_pytorch_model.fp16.safetensors", half.len()),
            file("diffusion_pytorch_model.safetensors", full.len()),
        ];
        assert_eq!(
            fake.told("diffusers").await,
            json!({
                "pipeline_type": "StableDiffusionPipeline",
                "pipeline_description": "Stable Diffusion",
                "diffusers_version": "0.30.0",
                "components": [
                    {
                        "name": "safety_checker", "library": "stable_diffusion",
                        "class_name": "StableDiffusionSafetyChecker", "size": 0, "size_human": "0 B", "files": [],
                        "required": false,
                    },
                    {
                        "name": "unet", "library": "diffusers", "class_name": "UNet2DConditionModel", "size": size,
                        "size_human": format!("{size} B"), "files": files, "required": true,
                    },
                ],
                "variants": ["fp16"],
                "precisions": ["fp16", "fp32"],
            })
        );
    }

    #[tokio::test]
    async fn an_index_that_makes_no_sense_leaves_a_bare_pipeline() {
        for index in ["", "[]", "{\"unet\": 3, \"vae\": [1, 2], \"a\": [\"x\"], \"_class_name\": []}"] {
            let fake = pipeline().file("model_index.json", index).file("unet/model.safetensors", "x");
            assert_eq!(fake.told("diffusers").await, json!({"pipeline_type": "", "components": []}), "{index}");
            assert_eq!(fake.told("type").await, "diffusers");
        }
    }

    #[tokio::test]
    async fn headers_are_read_of_so_many_weights_only() {
        let names: Vec<_> = (0..40).map(|n| format!("part{n:02}")).collect();
        let parts: serde_json::Map<_, _> =
            names.iter().map(|name| (name.clone(), json!(["diffusers", "Part"]))).collect();
        let fake = names.iter().fold(Fake::default().json("model_index.json", parts.into()), |fake, name| {
            fake.file(&format!("{name}/model.safetensors"), safetensors(&[("a", "BF16", &[1])], &[]))
        });
        let told = fake.analyzed().await.unwrap().details.diffusers.unwrap();
        assert_eq!((told.components.len(), told.precisions), (super::MAX_PARTS, vec!["bf16".to_owned()]));
        assert_eq!(fake.reads().len(), 1 + super::MAX_HEADERS);
    }
}
