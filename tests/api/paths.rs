//! Paths inside a repository: those that try to leave it, and those that only look odd.

use ballast_tests::{Hub, encoded, lines};
use serde_json::json;

/// Paths that no repository may have.
fn tricks() -> Vec<String> {
    let (segment, path) = ("s".repeat(256), ["a"; 2049].join("/"));
    let fixed = [
        "..",
        ".",
        "../a",
        "a/..",
        "a/../b",
        "a/./b",
        "./a",
        "../../etc/passwd",
        "/etc/passwd",
        "//a",
        "a//b",
        "a\\b",
        "..\\a",
        "C:\\a",
        ".git",
        ".git/config",
        "a/.GIT/config",
        "a\0b",
        "a\nb",
        "a\rb",
        "a\tb",
        "a\u{7f}",
        "a\u{85}b",
    ];
    fixed.iter().map(|path| (*path).to_owned()).chain([segment, path]).collect()
}

/// What a refusal must repeat of a path, so that whoever sent many of them knows which one it was.
fn named(path: &str) -> String {
    path.escape_debug().to_string().chars().take(200).collect()
}

#[test]
fn a_commit_with_a_path_that_leaves_the_repository_is_refused_and_stores_nothing() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.add("a.txt", "a");
    repository.unchanged(|| {
        for path in tricks() {
            for line in [lines::file(&path, "x"), lines::deleted_file(&path), lines::copy("a.txt", &path)] {
                let sentence = repository.commit(&[lines::file("fine", "x"), line]).refused(400, "BadRequest");
                assert!(sentence.contains(&named(&path)), "{path:?}: {sentence}");
            }
        }
    });
}

#[test]
fn a_slash_at_the_end_is_part_of_a_folders_path_and_of_no_files() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.add("f/a.txt", "a");
    repository.unchanged(|| {
        repository.commit(&[lines::file("g/", "x")]).refused(400, "BadRequest");
        repository.commit(&[lines::file("", "x")]).refused(400, "BadRequest");
        repository.commit(&[lines::deleted_folder("/")]).refused(400, "BadRequest");
        repository.commit(&[lines::deleted_folder("f/../f/")]).refused(400, "BadRequest");
    });
    repository.commit(&[lines::deleted_folder("f/")]).expect(200);
    assert_eq!(repository.paths(), [".gitattributes"]);
}

#[test]
fn preupload_and_paths_info_refuse_the_same_paths() {
    let hub = Hub::shared();
    let repository = hub.model();
    for path in tricks() {
        let body = json!({ "files": [{ "path": path, "size": 1 }] });
        let asked = repository.client.post(repository.api("/preupload/main")).json(&body).send();
        assert!(asked.refused(400, "BadRequest").contains(&named(&path)), "{path:?}");
        let body = json!({ "paths": [path] });
        let asked = repository.client.post(repository.api("/paths-info/main")).json(&body).send();
        assert!(asked.refused(400, "BadRequest").contains(&named(&path)), "{path:?}");
        let form = format!("paths={}", encoded(&path).replace('/', "%2F"));
        repository.client.post(repository.api("/paths-info/main")).form(&form).send().refused(400, "BadRequest");
    }
}

#[test]
fn an_encoded_path_that_leaves_the_repository_is_refused_where_files_are_read() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.add("a/b.txt", "b");
    let tricks = [
        "%2e%2e/a",
        "%2E%2E%2Fa",
        "..%2fa",
        "a/%2e%2e/b",
        "a/%2E/b.txt",
        "%2Fetc%2Fpasswd",
        "a%5cb",
        "..%5Ca",
        "%00",
        "a%00b.txt",
        "a%0ab",
        "a%0D%0AX-Evil:1",
        "%7f",
        ".git/config",
        "a/%2Egit/x",
        "a%2F%2Fb.txt",
        "..",
        "../a",
        "a/../b",
        "a//b.txt",
    ];
    for trick in tricks {
        for page in ["/resolve/main/", "/raw/main/"] {
            let target = repository.page(&format!("{page}{trick}"));
            let sentence = repository.client.get(&target).send().refused(400, "BadRequest");
            assert!(sentence.contains("is not a valid path"), "{target}: {sentence}");
        }
        repository.client.head(repository.page(&format!("/resolve/main/{trick}"))).send().refused(400, "BadRequest");
        let target = repository.api(&format!("/tree/main/{trick}"));
        let sentence = repository.client.get(&target).send().refused(400, "BadRequest");
        assert!(sentence.contains("is not a valid path"), "{target}: {sentence}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_in_an_address() {
    let hub = Hub::shared();
    let repository = hub.model();
    for bytes in ["%ff", "a%C3", "%c0%af", "%ed%a0%80", "%f8%88%80%80%80"] {
        for target in [
            repository.page(&format!("/resolve/main/{bytes}")),
            repository.page(&format!("/resolve/{bytes}/a.txt")),
            repository.api(&format!("/tree/main/{bytes}")),
            repository.api(&format!("/tree/{bytes}")),
            repository.api(&format!("/revision/{bytes}")),
        ] {
            let status = repository.client.get(&target).send().status;
            assert!((400..500).contains(&status), "{target}: {status}");
        }
    }
}

#[test]
fn an_over_long_path_is_refused_wherever_it_comes() {
    let hub = Hub::shared();
    let repository = hub.model();
    for long in ["s".repeat(256), ["a"; 2049].join("/")] {
        for target in [repository.resolve(&long), repository.api(&format!("/tree/main/{long}"))] {
            repository.client.get(&target).send().refused(400, "BadRequest");
        }
    }
}

#[test]
fn the_longest_path_that_is_allowed_is_stored_and_read() {
    let hub = Hub::shared();
    let repository = hub.model();
    let segment = "s".repeat(255);
    let path = [segment.as_str(); 16].join("/");
    assert_eq!(path.len(), 4095);
    repository.add(&path, "deep");
    assert_eq!(repository.read(&path), b"deep");
}

/// Names that are unusual and right.
const ODD: [&str; 22] = [
    "with space.txt",
    " leading and trailing ",
    "ümlaut/ß.txt",
    "模型/权重.txt",
    "a+b.txt",
    "100%25.txt",
    "50%.txt",
    "%2e%2e",
    "hash#tag.txt",
    "what?.txt",
    "a&b=c.txt",
    ".hidden",
    "..two",
    "three...",
    "...",
    "quote\"'.txt",
    "semi;colon.txt",
    "e\u{301}.txt",
    "[0].txt",
    "star*.txt",
    "🤗.txt",
    "a:b|c<d>.txt",
];

#[test]
fn an_odd_path_comes_back_as_it_was_written() {
    let hub = Hub::shared();
    let repository = hub.model();
    let files: Vec<_> = ODD.iter().map(|path| lines::file(path, format!("content of {path}"))).collect();
    repository.commit(&files).expect(200);

    let mut expected: Vec<String> =
        ODD.iter().map(|path| (*path).to_owned()).chain([".gitattributes".to_owned()]).collect();
    expected.sort();
    assert_eq!(repository.paths(), expected);
    for path in ODD {
        assert_eq!(repository.read(path), format!("content of {path}").as_bytes(), "{path}");
        let body = json!({ "paths": [path] });
        let found = repository.client.post(repository.api("/paths-info/main")).json(&body).send().ok();
        assert_eq!(found[0]["path"], path);
    }
}

#[test]
fn a_folder_is_found_with_its_slashes_encoded_or_not() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.add("ü x/模型/a.txt", "a");
    for folder in ["%C3%BC%20x/%E6%A8%A1%E5%9E%8B", "%C3%BC%20x%2F%E6%A8%A1%E5%9E%8B", "%C3%BC%20x/%E6%A8%A1%E5%9E%8B/"]
    {
        let listed = repository.client.get(repository.api(&format!("/tree/main/{folder}"))).send().ok();
        assert_eq!(listed[0]["path"], "ü x/模型/a.txt", "{folder}");
    }
    let target = repository.page("/resolve/main/%C3%BC%20x%2F%E6%A8%A1%E5%9E%8B%2Fa.txt");
    assert_eq!(repository.client.get(target).send().expect(200).body, b"a");
}

#[test]
fn a_plus_in_an_address_is_a_plus() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.add("a+b.txt", "plus");
    let answer = repository.client.get(repository.page("/resolve/main/a+b.txt")).send().expect(200);
    assert_eq!(answer.body, b"plus");
}

#[test]
fn what_is_downloaded_is_named_without_harm() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository
        .commit(&[lines::file("quote\"; filename=evil.sh", "x"), lines::file("模型.html", "<script>")])
        .expect(200);
    let answer = repository.client.head(repository.resolve("quote\"; filename=evil.sh")).send().expect(200);
    let disposition = answer.header("content-disposition").expect("a name").to_owned();
    assert!(disposition.contains("filename*=UTF-8''"), "{disposition}");
    assert!(!disposition.contains("; filename=evil.sh"), "{disposition}");
    let answer = repository.client.head(repository.resolve("模型.html")).send().expect(200);
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert!(answer.header("content-security-policy").is_some_and(|policy| policy.contains("sandbox")));
}
