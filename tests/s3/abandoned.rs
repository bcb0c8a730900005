//! Uploads in parts that nobody finished.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ballast_contract::Component;
use ballast_storage_opendal::{OpendalConfig, open};
use ballast_tests::bucket::Bucket;
use ballast_tests::unruly::{Mood, Unruly};

use crate::conformance::config;

/// s3s-fs does not list them, so here is what Amazon says.
const UNFINISHED: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
    <ListMultipartUploadsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Bucket>b</Bucket><KeyMarker></KeyMarker>\
    <IsTruncated>false</IsTruncated>\
    <Upload><Key>hub/lfs/young</Key><UploadId>1</UploadId><Initiated>2999-01-01T00:00:00.000Z</Initiated></Upload>\
    <Upload><Key>others/lfs/old</Key><UploadId>2</UploadId><Initiated>2020-01-01T00:00:00.000Z</Initiated></Upload>\
    <Upload><Key>hub/Not One Of Ours</Key><UploadId>3</UploadId><Initiated>2020-01-01T00:00:00.000Z</Initiated></Upload>\
    <Upload><Key>hub/lfs/old</Key><UploadId>4</UploadId><Initiated>2020-01-01T00:00:00.000Z</Initiated></Upload>\
    </ListMultipartUploadsResult>";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_ones_of_this_hub_are_thrown_away_at_the_start_and_no_others() {
    let bucket = Bucket::new();
    let unruly = Unruly::before(bucket.provider.address());
    let thrown = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&thrown);
    unruly.behave(move |line| {
        if line.starts_with("GET ") && line.contains("uploads=") {
            assert!(line.contains("prefix=hub%2F"), "{line}");
            return Mood::Answer(200, UNFINISHED);
        }
        if line.starts_with("DELETE ") {
            seen.lock().unwrap().push(line.to_owned());
            return Mood::Answer(204, "");
        }
        Mood::Good
    });
    let config =
        OpendalConfig { endpoint: unruly.endpoint(), root: "hub".to_owned(), abandoned_days: 1, ..config(&bucket) };
    let storage = open(config).await.unwrap();
    storage.start().await.unwrap();
    let begun = Instant::now();
    while thrown.lock().unwrap().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing was thrown away");
        tokio::task::yield_now().await;
    }
    storage.stop().await;
    let thrown = thrown.lock().unwrap();
    assert!(thrown.len() == 1 && thrown[0].contains("/hub/lfs/old?") && thrown[0].contains("uploadId=4"), "{thrown:?}");
}
