//! An LFS batch names no more than it holds, and means the same when it is written again.

use ballast_api::read::lfs_batch;
use serde_json::{Value, json};

pub fn target(body: &[u8]) {
    match lfs_batch(body) {
        Err(why) => assert!(!why.is_empty() && why.len() < body.len() + 500, "{} bytes of explanation", why.len()),
        Ok(objects) => {
            let named: usize = objects.iter().map(|(oid, _)| oid.len() + r#"{"oid":"","size":0}"#.len()).sum();
            assert!(named <= body.len(), "{named} bytes of objects out of {}", body.len());
            let objects: Vec<Value> = objects.iter().map(|(oid, size)| json!({ "oid": oid, "size": size })).collect();
            let again = json!({ "operation": "upload", "objects": objects }).to_string();
            let again = lfs_batch(again.as_bytes()).expect("what was written is read");
            let again: Vec<Value> = again.iter().map(|(oid, size)| json!({ "oid": oid, "size": size })).collect();
            assert_eq!(again, objects);
        }
    }
}
