//! How a client is told to upload.

use ballast_tests::{Deployment, Hub, Repository, lines, sha256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

fn ask(repository: &Repository, branch: &str, body: &Value) -> Vec<Value> {
    let answer = repository.client.post(repository.api(&format!("/preupload/{branch}"))).json(body).send().ok();
    answer["files"].as_array().expect("a list").clone()
}

fn modes(repository: &Repository, files: &[(&str, u64)]) -> Vec<String> {
    let asked: Vec<Value> =
        files.iter().map(|(path, size)| json!({ "path": path, "size": size, "sample": "" })).collect();
    let answers = ask(repository, "main", &json!({ "files": asked }));
    for (asked, answer) in files.iter().zip(&answers) {
        assert_eq!(answer["path"], asked.0);
        assert_eq!((&answer["shouldIgnore"], &answer["oid"]), (&json!(false), &Value::Null));
    }
    answers.iter().map(|answer| answer["uploadMode"].as_str().unwrap().to_owned()).collect()
}

const SUFFIXES: [&str; 32] = [
    "safetensors",
    "bin",
    "pt",
    "pth",
    "ckpt",
    "onnx",
    "pb",
    "h5",
    "tflite",
    "gguf",
    "ggml",
    "msgpack",
    "zip",
    "tar",
    "gz",
    "bz2",
    "xz",
    "7z",
    "rar",
    "npy",
    "npz",
    "arrow",
    "parquet",
    "mp4",
    "avi",
    "mkv",
    "mov",
    "wav",
    "mp3",
    "flac",
    "tiff",
    "tif",
];

#[test]
fn large_files_and_those_with_certain_names_go_by_lfs() {
    let hub = Hub::shared();
    let repository = hub.model();
    let files = [
        ("a.txt", 4_999_999),
        ("b.txt", 5_000_000),
        ("c.txt", u64::MAX / 4),
        ("d.json", 1),
        ("e.BIN", 1),
        ("bin", 1),
        ("xbin", 1),
        ("dir.bin/f.txt", 1),
        ("empty.bin", 0),
        ("empty.txt", 0),
        (".safetensors", 1),
        ("a.safetensors.json", 1),
    ];
    let expected = [
        "regular", "lfs", "lfs", "regular", "lfs", "regular", "regular", "regular", "regular", "regular", "lfs",
        "regular",
    ];
    assert_eq!(modes(&repository, &files), expected);
    for suffix in SUFFIXES {
        let (lower, upper) = (format!("dir/x.{suffix}"), format!("Y.{}", suffix.to_uppercase()));
        assert_eq!(modes(&repository, &[(&lower, 1), (&upper, 1)]), ["lfs", "lfs"], "{suffix}");
    }
}

#[test]
fn the_threshold_and_the_suffixes_can_be_set() {
    let hub = Deployment::new().set("lfs.threshold", "100").set("lfs.suffixes", "[\".weights\"]").start();
    let repository = hub.model();
    let files = [("a.txt", 99), ("b.txt", 100), ("c.weights", 1), ("d.bin", 1)];
    assert_eq!(modes(&repository, &files), ["regular", "lfs", "lfs", "regular"]);
    let attributes = String::from_utf8(repository.read(".gitattributes")).unwrap();
    assert_eq!(attributes, "*.weights filter=lfs diff=lfs merge=lfs -text\n");
}

#[test]
fn attributes_of_the_target_revision_say_what_goes_by_lfs() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.client.post(repository.api("/branch/side")).json(&json!({})).send().expect(200);
    let attributes = "*.png filter=lfs diff=lfs merge=lfs -text\ndocs/** filter=lfs -text\n*.bin -filter\n";
    repository.commit_on("side", &[lines::file(".gitattributes", attributes)]).expect(200);
    let files = json!({ "files": [
        { "path": "a.png", "size": 5 }, { "path": "docs/x/y.txt", "size": 5 }, { "path": "b.txt", "size": 5 },
        { "path": "empty.png", "size": 0 },
    ] });
    let told = |branch: &str| -> Vec<Value> {
        ask(&repository, branch, &files).iter().map(|f| f["uploadMode"].clone()).collect()
    };
    assert_eq!(told("main"), ["regular", "regular", "regular", "regular"]);
    assert_eq!(told("side"), ["lfs", "lfs", "regular", "regular"]);
    // The commit says the same.
    repository.commit(&[lines::file("a.png", "small")]).expect(200);
    repository.commit_on("side", &[lines::file("a.png", "small")]).refused(400, "BadRequest");
}

#[test]
fn what_is_there_already_is_named_and_the_same_is_left_out() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.add("a.txt", "hello");
    let large = repository.add_large("m.bin", b"large");
    let tree = repository.client.get(repository.api("/tree/main")).send().ok();
    let oid = tree.as_array().unwrap().iter().find(|entry| entry["path"] == "a.txt").unwrap()["oid"].clone();
    let files = json!({ "files": [
        { "path": "a.txt", "size": 5, "sample": STANDARD.encode("hello") },
        { "path": "a.txt", "size": 5, "sample": STANDARD.encode("jello") },
        { "path": "a.txt", "size": 5, "sha256": sha256(b"hello") },
        { "path": "a.txt", "size": 5 },
        { "path": "m.bin", "size": 5, "sha256": large },
        { "path": "m.bin", "size": 6 },
        { "path": "elsewhere.bin", "size": 5, "sha256": large },
    ] });
    let answers = ask(&repository, "main", &files);
    let told: Vec<(&Value, &Value)> = answers.iter().map(|answer| (&answer["shouldIgnore"], &answer["oid"])).collect();
    let (yes, no, large) = (json!(true), json!(false), json!(large));
    assert_eq!(
        told,
        [(&yes, &oid), (&no, &oid), (&yes, &oid), (&no, &oid), (&yes, &large), (&no, &large), (&no, &Value::Null)]
    );
}

#[test]
fn another_repositorys_bytes_are_no_reason_to_leave_anything_out() {
    let hub = Hub::shared();
    let (first, second) = (hub.model(), hub.model());
    first.add("a.txt", "hello");
    let files = json!({ "files": [{ "path": "a.txt", "size": 5, "sha256": sha256(b"hello") }] });
    assert_eq!(ask(&second, "main", &files)[0]["shouldIgnore"], false);
}

#[test]
fn what_gitignore_names_is_left_out_the_uploads_own_first() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.add(".gitignore", "*.log\n/build/\n!keep.log\n");
    let files = json!([
        { "path": "a.log", "size": 1 }, { "path": "keep.log", "size": 1 }, { "path": "build/x", "size": 1 },
        { "path": "src/build/x", "size": 1 }, { "path": "a.tmp", "size": 1 },
    ]);
    let told = |body: Value| -> Vec<Value> {
        ask(&repository, "main", &body).iter().map(|f| f["shouldIgnore"].clone()).collect()
    };
    assert_eq!(told(json!({ "files": files })), [true, false, true, false, false]);
    assert_eq!(told(json!({ "files": files, "gitIgnore": "*.tmp" })), [false, false, false, false, true]);
    assert_eq!(told(json!({ "files": files, "gitIgnore": "" })), [false, false, false, false, false]);
}

#[test]
fn many_files_are_answered_in_order_and_too_many_are_refused() {
    let hub = Hub::shared();
    let repository = hub.model();
    let files = |count: usize| json!({ "files": (0..count).map(|n| json!({ "path": format!("f{n}"), "size": n })).collect::<Vec<_>>() });
    let answers = ask(&repository, "main", &files(1000));
    assert!(answers.iter().enumerate().all(|(n, answer)| answer["path"] == format!("f{n}")));
    let refused = repository.client.post(repository.api("/preupload/main")).json(&files(5001)).send();
    assert!(refused.refused(400, "BadRequest").contains("5001"));
    assert_eq!(ask(&repository, "main", &json!({ "files": [] })), Vec::<Value>::new());
}
