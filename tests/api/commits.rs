//! Commits: every operation, every broken line, and that nothing of a refused one stays.

use std::io::Write;
use std::net::Shutdown;

use ballast_tests::{Deployment, Hub, Repository, lines, read_answer, sha256};
use serde_json::{Value, json};

const HEADER: &str = r#"{"key":"header","value":{"summary":"s","description":""}}"#;
const FILE: &str = r#"{"key":"file","value":{"path":"new.txt","content":"aGk=","encoding":"base64"}}"#;

fn send(repository: &Repository, text: impl AsRef<[u8]>) -> ballast_tests::Answer {
    repository.committing("main").header("Content-Type", "application/x-ndjson").body(text).send()
}

#[test]
fn every_operation_works_in_one_commit() {
    let hub = Hub::shared();
    let repository = hub.model();
    let large = repository.upload(b"large");
    let files = [
        lines::file("a.txt", "a"),
        lines::file("gone.txt", "x"),
        lines::file("old/1", "1"),
        lines::file("old/2", "2"),
        lines::file("dir/b.txt", "b"),
    ];
    let first = repository.commit(&files).ok();
    assert_eq!(first["success"], true);
    let first = first["commitOid"].as_str().unwrap().to_owned();
    let operations = [
        lines::file("a.txt", "changed"),
        lines::large_file("m.bin", &large, 5),
        lines::deleted_file("gone.txt"),
        lines::deleted_folder("old/"),
        lines::copy("dir/b.txt", "copied.txt"),
        lines::copy_at("a.txt", &first, "was.txt"),
        lines::copy("dir/", "folder"),
    ];
    let answer = repository.commit(&operations).ok();
    let id = answer["commitOid"].as_str().unwrap();
    assert_eq!(answer["commitUrl"], format!("{}/{}/commit/{id}", repository.client.base(), repository.id));
    assert_eq!(
        repository.paths(),
        [".gitattributes", "a.txt", "copied.txt", "dir/b.txt", "folder/b.txt", "m.bin", "was.txt"]
    );
    assert_eq!(repository.read("a.txt"), b"changed");
    assert_eq!(repository.read("was.txt"), b"a");
    assert_eq!(repository.read("m.bin"), b"large");
}

#[test]
fn a_line_that_cannot_be_read_is_refused_by_its_number_and_nothing_stays() {
    let hub = Hub::shared();
    let repository = hub.model();
    let oid = sha256(b"x");
    let value = |key: &str, value: Value| json!({ "key": key, "value": value }).to_string();
    let broken = [
        "{".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        "nonsense".to_owned(),
        "{}".to_owned(),
        "\u{feff}{}".to_owned(),
        r#"{"key":"file"}"#.to_owned(),
        r#"{"value":{}}"#.to_owned(),
        format!("{FILE}{FILE}"),
        format!("{FILE} x"),
        value("zap", json!({})),
        value("", json!({})),
        HEADER.to_owned(),
        r#"{"key":1,"value":{}}"#.to_owned(),
        value("file", json!({})),
        value("file", json!([])),
        value("file", json!("x")),
        value("file", json!(null)),
        value("file", json!({ "path": "p" })),
        value("file", json!({ "content": "" })),
        value("file", json!({ "path": 1, "content": "" })),
        value("file", json!({ "path": "p", "content": 1 })),
        value("file", json!({ "path": "p", "content": "a" })),
        value("file", json!({ "path": "p", "content": "***" })),
        value("file", json!({ "path": "p", "content": "aGk" })),
        value("file", json!({ "path": "p", "content": "aG k=" })),
        value("file", json!({ "path": "p", "content": "", "encoding": "rot13" })),
        value("file", json!({ "path": "p", "content": "", "encoding": 64 })),
        value("file", json!({ "path": "p", "content": "", "mode": "755" })),
        value("lfsFile", json!({ "path": "p.bin" })),
        value("lfsFile", json!({ "path": "p.bin", "oid": "xyz" })),
        value("lfsFile", json!({ "path": "p.bin", "oid": oid, "size": -1 })),
        value("lfsFile", json!({ "path": "p.bin", "oid": oid, "size": "1" })),
        value("lfsFile", json!({ "path": "p.bin", "oid": oid, "algo": "md5" })),
        value("deletedFile", json!({})),
        value("deletedFile", json!({ "path": 1 })),
        value("deletedFolder", json!({})),
        value("copyFile", json!({ "path": "p" })),
        value("copyFile", json!({ "srcPath": "p" })),
    ];
    repository.unchanged(|| {
        for line in &broken {
            let sentence = send(&repository, format!("{HEADER}\n{FILE}\n{line}\n")).refused(400, "BadRequest");
            assert!(sentence.starts_with("line 3:"), "{line}: {sentence}");
        }
        let sentence = send(&repository, [HEADER.as_bytes(), b"\n\xff\xfe\n"].concat()).refused(400, "BadRequest");
        assert!(sentence.starts_with("line 2:"), "{sentence}");
    });
}

#[test]
fn a_commit_begins_with_one_header() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.unchanged(|| {
        for body in [
            "",
            "\n",
            "\r\n\r\n",
            FILE,
            "null",
            "[]",
            r#"{"key":"header"}"#,
            r#"{"key":"header","value":{}}"#,
            r#"{"key":"header","value":{"summary":1}}"#,
            r#"{"key":"header","value":{"summary":"s","parentCommit":7}}"#,
            r#"{"key":"header","value":{"summary":"s","nonsense":1}}"#,
            "{\"key\":\"header\",\"value\":{\"summary\":\"a\\u0000b\"}}",
        ] {
            send(&repository, format!("{body}\n{FILE}")).refused(400, "BadRequest");
        }
        let long = json!({ "key": "header", "value": { "summary": "s".repeat(70_000) } });
        send(&repository, format!("{long}\n{FILE}")).refused(400, "BadRequest");
    });
}

#[test]
fn a_header_alone_changes_nothing_and_answers_the_head() {
    let hub = Hub::shared();
    let repository = hub.model();
    let tip = repository.add("a.txt", "a");
    repository.unchanged(|| {
        assert_eq!(repository.commit(&[]).ok()["commitOid"], tip);
        // Nor does what is there already.
        assert_eq!(repository.commit(&[lines::file("a.txt", "a")]).ok()["commitOid"], tip);
        assert_eq!(repository.commit(&[lines::copy("a.txt", "a.txt")]).ok()["commitOid"], tip);
    });
}

#[test]
fn lines_may_end_in_either_way_and_blank_ones_are_skipped() {
    let hub = Hub::shared();
    let repository = hub.model();
    send(&repository, format!("\r\n{HEADER}\r\n\r\n  \n{FILE}\r\n\n")).expect(200);
    assert_eq!(repository.read("new.txt"), b"hi");
    send(&repository, format!("{HEADER}\n{}", FILE.replace("new.txt", "without-an-end.txt"))).expect(200);
    assert_eq!(repository.read("without-an-end.txt"), b"hi");
}

#[test]
fn text_may_come_as_it_is() {
    let hub = Hub::shared();
    let repository = hub.model();
    let line = json!({ "key": "file", "value": { "path": "t.txt", "content": "zwölf\n", "encoding": "utf-8" } });
    repository.commit(&[line]).expect(200);
    assert_eq!(repository.read("t.txt"), "zwölf\n".as_bytes());
}

#[test]
fn a_path_that_is_written_twice_is_refused() {
    let hub = Hub::shared();
    let repository = hub.model();
    let oid = repository.upload(b"xyz");
    repository.add("a.txt", "a");
    repository.unchanged(|| {
        for second in [lines::file("b.txt", "2"), lines::large_file("b.txt", &oid, 3), lines::copy("a.txt", "b.txt")] {
            let sentence = repository.commit(&[lines::file("b.txt", "1"), second]).refused(400, "BadRequest");
            assert!(sentence.contains("'b.txt'"), "{sentence}");
        }
    });
}

#[test]
fn a_file_cannot_also_be_a_folder_in_one_commit() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.unchanged(|| {
        for operations in [
            [lines::file("a", "1"), lines::file("a/b", "2")],
            [lines::file("a/b", "2"), lines::file("a", "1")],
            [lines::file("x/y/z", "1"), lines::file("x", "2")],
            [lines::file("x", "2"), lines::file("x/y/z", "1")],
        ] {
            let answer = repository.commit(&operations);
            assert_eq!(answer.status, 400, "{}", answer.text());
        }
    });
}

#[test]
fn a_file_cannot_take_the_place_of_a_folder_nor_a_folder_of_a_file_unless_that_goes() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.commit(&[lines::file("file", "f"), lines::file("folder/a", "a")]).expect(200);
    repository.unchanged(|| {
        for operation in [lines::file("file/a", "x"), lines::file("folder", "x"), lines::copy("folder/a", "file/x")] {
            let answer = repository.commit(std::slice::from_ref(&operation));
            assert!(matches!(answer.status, 400 | 409), "{operation}: {}: {}", answer.status, answer.text());
        }
    });
    let swap = [
        lines::deleted_file("file"),
        lines::file("file/a", "x"),
        lines::deleted_folder("folder/"),
        lines::file("folder", "y"),
    ];
    repository.commit(&swap).expect(200);
    assert_eq!(repository.paths(), [".gitattributes", "file/a", "folder"]);
}

#[test]
fn what_is_not_there_cannot_be_deleted_or_copied() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.add("dir/a.txt", "a");
    repository.unchanged(|| {
        for operation in [
            lines::deleted_file("missing.txt"),
            lines::deleted_file("dir"),
            lines::deleted_folder("missing/"),
            lines::copy("missing.txt", "b.txt"),
            lines::copy_at("dir/a.txt", "nothing", "b.txt"),
        ] {
            let answer = repository.commit(&[lines::file("b2.txt", "x"), operation.clone()]);
            let code = answer.header("x-error-code").unwrap_or_default().to_owned();
            assert_eq!(answer.status, 404, "{operation}: {}", answer.text());
            assert!(matches!(code.as_str(), "EntryNotFound" | "RevisionNotFound"), "{operation}: {code}");
            answer.refused(404, &code);
        }
        let sentence = repository.commit(&[lines::deleted_file("missing.txt")]).refused(404, "EntryNotFound");
        assert!(
            sentence.contains("missing.txt") && sentence.contains("A file with this name doesn't exist"),
            "{sentence}"
        );
    });
}

#[test]
fn a_copy_reaches_across_revisions() {
    let hub = Hub::shared();
    let repository = hub.model();
    let large = repository.add_large("m.bin", b"the large one");
    repository.client.post(repository.api("/branch/side")).json(&json!({})).send().expect(200);
    repository.commit_on("side", &[lines::file("only-there.txt", "side"), lines::deleted_file("m.bin")]).expect(200);
    let operations = [lines::copy_at("only-there.txt", "side", "here.txt"), lines::copy("m.bin", "n.bin")];
    repository.commit(&operations).expect(200);
    assert_eq!(repository.read("here.txt"), b"side");
    assert_eq!(repository.read("n.bin"), b"the large one");
    // As a client does it that knows the oid: without a size.
    let line = json!({ "key": "lfsFile", "value": { "path": "o.bin", "algo": "sha256", "oid": large } });
    repository.commit(&[line]).expect(200);
    assert_eq!(repository.read("o.bin"), b"the large one");
}

#[test]
fn a_parent_that_is_not_the_tip_is_refused() {
    let hub = Hub::shared();
    let repository = hub.model();
    let first = repository.tip();
    let second = repository.add("a.txt", "a");
    repository.unchanged(|| {
        for parent in [first.as_str(), &"0".repeat(40), &"ab".repeat(20)] {
            let lines = [lines::header_on("x", parent), lines::file("b.txt", "b")];
            let sentence = repository.committing("main").lines(&lines).send().refused(412, "BranchMoved");
            assert!(sentence.starts_with("The branch was updated since you opened this page"), "{sentence}");
        }
        for parent in ["main", "abc", &second[..39], &format!("{second}0"), "../x"] {
            let lines = [lines::header_on("x", parent), lines::file("b.txt", "b")];
            let sentence = repository.committing("main").lines(&lines).send().refused(400, "BadRequest");
            assert!(sentence.contains("parentCommit"), "{sentence}");
        }
    });
    let lines = [lines::header_on("x", &second), lines::file("b.txt", "b")];
    repository.committing("main").lines(&lines).send().expect(200);
}

#[test]
fn a_file_that_must_go_by_lfs_is_refused_with_the_threshold() {
    let hub = Deployment::new().set("lfs.threshold", "1000").start();
    let repository = hub.model();
    repository.unchanged(|| {
        for (path, size) in
            [("big.txt", 1000), ("big.txt", 5000), ("a.safetensors", 1), ("A.BIN", 1), ("x/y.Parquet", 1)]
        {
            let sentence = repository.commit(&[lines::file(path, vec![b'x'; size])]).refused(400, "BadRequest");
            assert!(sentence.contains(path) && sentence.contains("1000 bytes"), "{sentence}");
        }
    });
    let fine = [lines::file("small.txt", vec![b'x'; 999]), lines::file("empty.bin", "")];
    repository.commit(&fine).expect(200);
    assert_eq!(repository.read("empty.bin"), b"");
}

#[test]
fn a_large_file_with_another_size_or_unknown_bytes_is_refused() {
    let hub = Hub::shared();
    let repository = hub.model();
    let oid = repository.upload(b"twelve bytes");
    let unknown = sha256(b"nobody has this");
    repository.unchanged(|| {
        let sentence = repository.commit(&[lines::large_file("a.bin", &oid, 11)]).refused(400, "BadRequest");
        assert!(sentence.contains("12 bytes") && sentence.contains(&oid), "{sentence}");
        let operations = [lines::file("x.txt", "x"), lines::large_file("a.bin", &unknown, 12)];
        let sentence = repository.commit(&operations).refused(404, "ObjectNotFound");
        assert!(sentence.contains(&unknown), "{sentence}");
    });
}

#[test]
fn a_line_that_is_too_long_is_refused_while_it_comes() {
    let hub = Deployment::new().set("lfs.threshold", "1000").start();
    let repository = hub.model();
    repository.unchanged(|| {
        let mut stream = hub.connect();
        stream.write_all(&repository.committing("main").head_for(1 << 40)).unwrap();
        stream
            .write_all(format!("{HEADER}\n{{\"key\":\"file\",\"value\":{{\"path\":\"p\",\"content\":\"").as_bytes())
            .unwrap();
        let piece = vec![b'A'; 1 << 20];
        for _ in 0..64 {
            if stream.write_all(&piece).is_err() {
                break;
            }
        }
        let _ = stream.shutdown(Shutdown::Write);
        if let Ok(answer) = read_answer(&mut stream, false) {
            answer.refused(413, "TooLarge");
        }
    });
}

#[test]
fn a_commit_that_breaks_off_leaves_nothing() {
    let hub = Hub::shared();
    let repository = hub.model();
    let text = format!("{HEADER}\n{FILE}\n");
    repository.unchanged(|| {
        for framing in [format!("Content-Length: {}", text.len() + 1), "Transfer-Encoding: chunked".to_owned()] {
            let mut stream = hub.connect();
            stream.write_all(&repository.committing("main").head_with(&framing)).unwrap();
            if framing.ends_with("chunked") {
                stream.write_all(format!("{:x}\r\n", text.len()).as_bytes()).unwrap();
            }
            stream.write_all(text.as_bytes()).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            if let Ok(answer) = read_answer(&mut stream, false) {
                assert!((400..500).contains(&answer.status), "{}", answer.text());
            }
        }
    });
}

#[test]
fn every_fact_about_a_file_belongs_to_its_revision() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.add("f.txt", "main");
    repository.client.post(repository.api("/branch/side")).json(&json!({})).send().expect(200);
    let large = repository.upload(b"side side");
    let attributes = "f.txt filter=lfs diff=lfs merge=lfs -text\n";
    repository.commit_on("side", &[lines::file(".gitattributes", attributes)]).expect(200);
    repository.commit_on("side", &[lines::large_file("f.txt", &large, 9)]).expect(200);

    let look = |branch: &str| {
        let info =
            repository.client.post(repository.api(&format!("/paths-info/{branch}"))).form("paths=f.txt").send().ok();
        let head = repository.client.head(repository.page(&format!("/resolve/{branch}/f.txt"))).send().expect(200);
        let asked = json!({ "files": [{ "path": "f.txt", "size": 9, "sha256": large }] });
        let answer = repository.client.post(repository.api(&format!("/preupload/{branch}"))).json(&asked).send().ok();
        (info[0].clone(), head, answer["files"][0].clone())
    };
    let (info, head, asked) = look("main");
    assert_eq!((info.get("lfs"), head.header("content-length")), (None, Some("4")));
    assert_eq!((&asked["uploadMode"], &asked["shouldIgnore"]), (&json!("regular"), &json!(false)));
    let (info, head, asked) = look("side");
    assert_eq!((&info["lfs"]["oid"], head.header("content-length")), (&json!(large), Some("9")));
    assert_eq!(head.header("etag"), Some(format!("\"{large}\"").as_str()));
    assert_eq!((&asked["uploadMode"], &asked["shouldIgnore"]), (&json!("lfs"), &json!(true)));
    assert_eq!(asked["oid"], large.as_str());
}

#[test]
fn the_history_says_who_committed_what() {
    let hub = Hub::shared();
    let repository = hub.model();
    let header = json!({ "key": "header", "value": { "summary": "Add a <file>", "description": "Why & how" } });
    let made = repository.committing("main").lines(&[header, lines::file("a", "a")]).send().ok();
    let listed = repository.client.get(repository.api("/commits/main?expand[]=formatted")).send().ok();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let commit = &listed[0];
    assert_eq!(commit["id"], made["commitOid"]);
    assert_eq!((&commit["title"], &commit["message"]), (&json!("Add a <file>"), &json!("Why & how")));
    assert_eq!(commit["authors"][0]["user"], "admin");
    assert!(commit["date"].as_str().unwrap().ends_with('Z'));
    assert!(!commit["formatted"]["title"].as_str().unwrap().contains("<file>"));
    assert_eq!(listed[1]["title"], "initial commit");
}
