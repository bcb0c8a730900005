//! What a repository is, from its list of files, its configs and the headers of its weights.
//!
//! [`analyze`] asks a [`Subject`] for what it needs and answers an [`Analysis`]: the JSON of the HFDownloader API. A file
//! of this folder is a type of repository, or a format that several of them read. Weights are never read past their
//! headers. All that is read was written by strangers: it is bounded, checked, and believed field by field.

mod audio;
mod card;
mod config;
mod dataset;
mod detect;
mod diffusers;
mod document;
mod gguf;
mod gguf_cursor;
mod gguf_header;
mod lora;
mod memory;
mod multimodal;
mod onnx;
mod quantizations;
mod quantized;
mod report;
mod repository;
mod safetensors;
mod subject;
mod tasks;
#[cfg(test)]
mod testing;
mod tokenizer;
mod transformers;
mod vision;
mod weights;

use std::time::Duration;

use ballast_contract::downloader::Source;
use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::{CommitId, RepoKind, Timestamp};

pub(crate) use document::Document;
pub use report::Analysis;
use report::{Details, Type};
use repository::{OPERATION, Repository, shown, total};
pub use subject::{About, Ref, RefType, Subject};

/// The longest that an analysis takes: a hub may be slow with every one of its answers.
const LONGEST: Duration = Duration::from_secs(300);

/// The most branches and tags that are listed.
const MAX_REFS: usize = 1000;

/// What the subject is. `asked` is the source with the revision as it was typed, `commit` what that means.
///
/// A file that may not be read, or makes no sense, is a warning in the answer; `Unavailable` and `OverLimit` end it, and
/// so does a list of files that fails.
pub async fn analyze(subject: &dyn Subject, asked: &Source, commit: &CommitId) -> Result<Analysis> {
    within(LONGEST, survey(subject, asked, commit)).await
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    let late = |_| {
        let why = format!("the remote hub took longer than {} seconds to show the repository", limit.as_secs());
        Error::new(ErrorKind::Unavailable, OPERATION, why)
    };
    tokio::time::timeout(limit, work).await.map_err(late)?
}

async fn survey(subject: &dyn Subject, asked: &Source, commit: &CommitId) -> Result<Analysis> {
    let (repository, refs) =
        futures::try_join!(Repository::open(subject, asked.kind), async { Ok(subject.refs().await) })?;
    let mut refs = repository.borne("branches and tags", refs)?.unwrap_or_default();
    if refs.len() > MAX_REFS {
        repository.warn(format!("of {} branches and tags the first {MAX_REFS} are listed", refs.len()));
        refs.truncate(MAX_REFS);
    }
    let (kind, details) = look(&repository).await?;
    let total_size = total(&repository.files);
    Ok(Analysis {
        repo: asked.repo.clone(),
        is_dataset: asked.kind == RepoKind::Dataset,
        kind,
        type_description: kind.description(),
        file_count: repository.files.len(),
        total_size,
        total_size_human: report::human(total_size),
        branch: asked.revision.as_str().to_owned(),
        commit: commit.to_string(),
        refs,
        files: shown(repository.listed()),
        related_downloads: details.lora.iter().filter_map(lora::Lora::related).collect(),
        details,
        warnings: repository.warnings(),
        analyzed_at: Timestamp::now().to_string(),
    })
}

/// The type, and what is said of it.
async fn look(repository: &Repository<'_>) -> Result<(Type, Details)> {
    let models = repository.kind == RepoKind::Model;
    let config = if models { repository.document("config.json").await? } else { Document::default() };
    let settings = if models { quantized::settings(repository, &config).await? } else { None };
    let kind = detect::detect(repository, &config, settings.as_ref());
    let mut details = Details::default();
    match kind {
        Type::Dataset => details.dataset = Some(dataset::look(repository).await),
        Type::Gguf => details.gguf = Some(gguf::look(repository).await?),
        Type::Diffusers => details.diffusers = Some(diffusers::look(repository).await?),
        Type::Lora => details.lora = Some(lora::look(repository).await?),
        Type::Gptq | Type::Awq | Type::Quantized => {
            details.quantized = settings.map(|settings| quantized::look(repository, &config, settings));
            details.gptq = details.quantized.clone().filter(|_| kind == Type::Gptq);
            details.awq = details.quantized.clone().filter(|_| kind == Type::Awq);
        }
        Type::Multimodal => details.multimodal = Some(multimodal::look(repository, &config).await?),
        Type::Audio => details.audio = Some(audio::look(repository, &config).await?),
        Type::Vision => details.vision = Some(vision::look(repository, &config).await?),
        Type::Transformers => details.transformers = Some(transformers::look(repository, &config).await?),
        Type::Onnx => details.onnx = Some(onnx::look(repository)),
        Type::Generic => {}
    }
    Ok((kind, details))
}

#[cfg(test)]
mod tests {
    use ballast_contract::ErrorKind;
    use serde_json::json;

    use super::testing::Fake;
    use super::within;

    #[tokio::test]
    async fn a_hub_that_never_answers_is_not_waited_for() {
        let never = std::future::pending::<ballast_contract::Result<()>>();
        let error = within(std::time::Duration::from_millis(1), never).await.unwrap_err();
        assert!(error.is(ErrorKind::Unavailable) && error.retryable, "{error}");
    }

    #[tokio::test]
    async fn what_is_said_of_every_repository_is_told_as_in_the_reference() {
        let fake = Fake::default().file("notes/a.md", "hello").large("b.dat", "", 4_500_000_000);
        let mut told = serde_json::to_value(fake.analyzed().await.unwrap()).unwrap();
        let at = told["analyzed_at"].take();
        assert!(at.as_str().unwrap().parse::<ballast_types::Timestamp>().is_ok());
        let commit = "a".repeat(40);
        let expected = json!({
            "repo": "acme/thing",
            "is_dataset": false,
            "type": "generic",
            "type_description": "Generic Repository",
            "file_count": 2,
            "total_size": 4_500_000_005_u64,
            "total_size_human": "4.2 GiB",
            "branch": "main",
            "commit": commit,
            "refs": [{"name": "main", "type": "branch", "commit": commit}],
            "files": [
                {
                    "name": "b.dat", "path": "b.dat", "size": 4_500_000_000_u64, "size_human": "4.2 GiB", "lfs": true,
                    "is_lfs": true, "sha256": "ab".repeat(32),
                },
                {
                    "name": "a.md", "path": "notes/a.md", "size": 5, "size_human": "5 B", "lfs": false, "is_lfs": false,
                    "directory": "notes",
                },
            ],
            "analyzed_at": null,
        });
        assert_eq!(told, expected);
    }

    #[tokio::test]
    async fn a_gated_repository_is_told_by_its_list_with_warnings() {
        let fake = Fake::default().file("config.json", "{}").file("model.safetensors", "").task("text-generation");
        let fake = fake.fault("config.json", ErrorKind::Denied).fault("refs", ErrorKind::Unauthenticated);
        let fake = fake.fault("model.safetensors", ErrorKind::Denied).fault("about", ErrorKind::NotFound);
        let analysis = fake.analyzed().await.unwrap();
        assert_eq!(analysis.details.transformers.map(|told| told.weight_files.len()), Some(1));
        let warned: Vec<_> = analysis.warnings.iter().map(|warning| warning.split(':').next().unwrap()).collect();
        assert_eq!(
            warned,
            ["what the hub says about the repository", "branches and tags", "config.json", "model.safetensors"]
        );
    }

    #[tokio::test]
    async fn a_hub_that_is_busy_or_away_is_an_error_and_no_half_answer() {
        for (what, kind) in
            [("config.json", ErrorKind::Unavailable), ("refs", ErrorKind::OverLimit), ("about", ErrorKind::Unavailable)]
        {
            let fake = Fake::default().file("config.json", "{}").fault(what, kind);
            assert_eq!(fake.analyzed().await.unwrap_err().kind, kind, "{what}");
        }
        let absent = Fake::default().fault("files", ErrorKind::NotFound);
        assert!(absent.analyzed().await.unwrap_err().is(ErrorKind::NotFound));
    }

    #[tokio::test]
    async fn all_pages_of_a_list_are_read_and_a_large_config_is_not() {
        let files = (0..2500).map(|n| format!("{n:04}.txt"));
        let fake = files.fold(Fake::default(), |fake, path| fake.file(&path, "x")).large("config.json", "{}", 1 << 40);
        let analysis = fake.analyzed().await.unwrap();
        assert_eq!((analysis.file_count, analysis.warnings.len()), (2501, 1));
        assert!(fake.reads().is_empty());
    }
}
