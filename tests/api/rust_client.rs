//! The crate hf-hub, which candle, text-embeddings-inference and others load models with.

use ballast_tests::{Hub, lines};
use hf_hub::api::sync::{ApiBuilder, ApiError};
use hf_hub::{Repo, RepoType};

#[test]
fn hf_hub_reads_info_and_files_of_a_private_repository() {
    let hub = Hub::shared();
    let repository = hub.private_model();
    repository.commit(&[lines::file("config.json", "{}"), lines::file("dir/模型.txt", "text")]).expect(200);
    repository.add_large("model.safetensors", &[7; 300_000]);
    repository.client.post(repository.api("/branch/dev%2Fx")).send().expect(200);
    repository.add("config.json", "{\"later\":true}");

    let folder = tempfile::tempdir().unwrap();
    let api = |token: Option<String>| {
        let builder = ApiBuilder::new().with_endpoint(hub.client().base()).with_cache_dir(folder.path().to_owned());
        builder.with_progress(false).with_token(token).build().unwrap()
    };
    let reader = api(Some(hub.admin_token()));
    let model = reader.model(repository.id.clone());
    let info = model.info().unwrap();
    assert_eq!(info.sha, repository.tip());
    let mut names: Vec<String> = info.siblings.into_iter().map(|sibling| sibling.rfilename).collect();
    names.sort();
    assert_eq!(names, repository.paths());
    assert_eq!(std::fs::read(model.download("config.json").unwrap()).unwrap(), b"{\"later\":true}");
    assert_eq!(std::fs::read(model.get("model.safetensors").unwrap()).unwrap(), [7; 300_000]);
    assert_eq!(std::fs::read(model.get("dir/模型.txt").unwrap()).unwrap(), b"text");
    let branch = Repo::with_revision(repository.id.clone(), RepoType::Model, "dev/x".to_owned());
    assert_eq!(std::fs::read(reader.repo(branch).get("config.json").unwrap()).unwrap(), b"{}");
    assert!(matches!(model.get("missing.json"), Err(ApiError::RequestError(_))));
    assert!(api(None).model(repository.id.clone()).info().is_err());
}

#[test]
fn hf_hub_reads_datasets_and_spaces() {
    let hub = Hub::shared();
    let folder = tempfile::tempdir().unwrap();
    let builder = ApiBuilder::new().with_endpoint(hub.client().base()).with_cache_dir(folder.path().to_owned());
    let api = builder.with_progress(false).with_token(None).build().unwrap();
    for (kinds, kind) in [("datasets", RepoType::Dataset), ("spaces", RepoType::Space)] {
        let repository = ballast_tests::Repository::create_kind(&hub.admin(), kinds, "admin", false);
        repository.add("a.txt", kinds);
        let read = api.repo(Repo::new(repository.id.clone(), kind));
        assert_eq!(read.info().unwrap().sha, repository.tip());
        assert_eq!(std::fs::read(read.get("a.txt").unwrap()).unwrap(), kinds.as_bytes());
    }
}
