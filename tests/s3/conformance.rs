//! The storage suite over a bucket.

use std::sync::Arc;

use ballast_contract::Component;
use ballast_contract::storage::Storage;
use ballast_storage_opendal::{OpendalConfig, Presigned, Scheme, open};
use ballast_tests::bucket::{ACCESS_KEY, Bucket, SECRET_KEY};
use ballast_types::Secret;

/// A bucket of its own, in short parts, so that the suite's objects have several.
pub fn config(bucket: &Bucket) -> OpendalConfig {
    OpendalConfig {
        scheme: Scheme::S3,
        endpoint: bucket.provider.endpoint(),
        bucket: bucket.name.clone(),
        access_key_id: Some(Secret::new(ACCESS_KEY)),
        secret_access_key: Some(Secret::new(SECRET_KEY)),
        part_bytes: 5 << 20,
        presign: Presigned::On,
        ..OpendalConfig::default()
    }
}

async fn conforms(change: impl Fn(OpendalConfig) -> OpendalConfig) {
    ballast_testkit::storage::conforms(async || {
        let bucket = Bucket::new();
        let storage = open(change(config(&bucket))).await.unwrap();
        (Arc::new(storage) as Arc<dyn Storage>, bucket)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_conforms() {
    conforms(|config| config).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_a_bucket_conforms_without_the_requests_that_some_providers_lack() {
    conforms(|config| OpendalConfig { root: "some/where".to_owned(), delete_many: false, ..config }).await;
}

#[tokio::test]
async fn a_bucket_that_is_not_there_keeps_the_instance_from_starting_and_says_so() {
    let bucket = Bucket::new();
    let config = OpendalConfig { bucket: "no-such-bucket".to_owned(), retries: 0, ..config(&bucket) };
    let refused = open(config).await.unwrap().start().await.unwrap_err().to_string();
    assert!(refused.contains("bucket 'no-such-bucket' at http://127.0.0.1:"), "{refused}");
    assert!(refused.contains("make the bucket"), "{refused}");
}

#[tokio::test]
async fn a_wrong_secret_is_told_without_it() {
    let bucket = Bucket::new();
    let secret_access_key = Some(Secret::new("hunter2"));
    let refused = open(OpendalConfig { secret_access_key, ..config(&bucket) }).await.unwrap().start().await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("'secret_access_key'"), "{refused}");
    assert!(!refused.contains("hunter2") && !refused.contains(SECRET_KEY), "{refused}");
}

#[tokio::test]
async fn an_address_that_makes_no_sense_is_refused_before_anything_is_asked() {
    let bucket = Bucket::new();
    for endpoint in ["", "127.0.0.1:9000", "ftp://h", "http://", "http://a b"] {
        let config =
            OpendalConfig { endpoint: endpoint.to_owned(), public_endpoint: endpoint.to_owned(), ..config(&bucket) };
        match open(config).await {
            Err(error) => assert!(error.context.contains("endpoint"), "{endpoint}: {error}"),
            // Left empty it is Amazon's.
            Ok(_) => assert_eq!(endpoint, ""),
        }
    }
}
