//! What openapi-generator makes of the document, used: a repository made, filled, listed, read and deleted. The first
//! argument is a folder for what is to be sent: the client sends files.

use std::env;
use std::path::PathBuf;

use ballast_client::apis::Error;
use ballast_client::apis::account_api::whoami;
use ballast_client::apis::commits_api::create_commit;
use ballast_client::apis::configuration::Configuration;
use ballast_client::apis::files_api::resolve_model_file;
use ballast_client::apis::repositories_api::{create_repository, delete_repository, get_repository};
use ballast_client::apis::tree_api::list_root;
use ballast_client::models::{CreateRepository, DeleteRepository, Kinds, TreeItemKind};

const LINES: &str = r#"{"key": "header", "value": {"summary": "A file"}}
{"key": "file", "value": {"path": "deep/config.json", "content": "eyJsYXllcnMiOiAyfQo=", "encoding": "base64"}}
"#;
const CONFIG: &[u8] = b"{\"layers\": 2}\n";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = PathBuf::from(env::args().nth(1).expect("a folder"));
    let hub = &Configuration {
        base_path: env::var("HF_ENDPOINT").expect("HF_ENDPOINT"),
        bearer_access_token: env::var("HF_TOKEN").ok(),
        ..Configuration::new()
    };
    let namespace = whoami(hub).await.unwrap().name;
    let name = format!("generated-{}", std::process::id());
    let id = format!("{namespace}/{name}");

    let made = create_repository(hub, CreateRepository::new(id.clone())).await.unwrap();
    assert_eq!(made.repo_id, id);
    let again = create_repository(hub, CreateRepository::new(id.clone())).await;
    assert!(matches!(again, Err(Error::ResponseError(refusal)) if refusal.status == 409));

    let lines = folder.join("commit.ndjson");
    std::fs::write(&lines, LINES).unwrap();
    let committed = create_commit(hub, Kinds::Models, &namespace, &name, "main", lines, None).await.unwrap();
    let found = get_repository(hub, Kinds::Models, &namespace, &name, None, None, None, None).await.unwrap();
    assert_eq!(found.sha.flatten(), Some(committed.commit_oid));

    let listed =
        list_root(hub, Kinds::Models, &namespace, &name, "main", Some(true), None, None, None, None).await.unwrap();
    let file = listed.iter().find(|item| item.path == "deep/config.json").unwrap();
    assert!(file.r#type == TreeItemKind::File && file.size == CONFIG.len() as u64);

    let answer =
        resolve_model_file(hub, &namespace, &name, "main", "deep/config.json", None, None, None, None).await.unwrap();
    assert_eq!(answer.bytes().await.unwrap(), CONFIG);
    let range = Some("bytes=1-8");
    let answer =
        resolve_model_file(hub, &namespace, &name, "main", "deep/config.json", range, None, None, None).await.unwrap();
    assert_eq!(answer.bytes().await.unwrap(), CONFIG[1..=8]);

    delete_repository(hub, DeleteRepository::new(id)).await.unwrap();
    let gone = get_repository(hub, Kinds::Models, &namespace, &name, None, None, None, None).await;
    assert!(matches!(gone, Err(Error::ResponseError(refusal)) if refusal.status == 404));
}
