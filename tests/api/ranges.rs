//! Parts of files, and files that the client has already.

use ballast_tests::{Answer, Hub, Repository};

/// A small file, a large one and an empty one.
fn files(hub: &Hub) -> Repository {
    let repository = hub.model();
    repository
        .commit(&[ballast_tests::lines::file("small.txt", "0123456789"), ballast_tests::lines::file("empty.txt", "")])
        .expect(200);
    repository.add_large("large.bin", b"0123456789");
    repository
}

fn ask(repository: &Repository, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = repository.client.get(repository.resolve(path));
    headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send()
}

fn etag(repository: &Repository, path: &str) -> String {
    ask(repository, path, &[]).header("etag").expect("an etag").to_owned()
}

#[test]
fn one_range_of_each_form_is_served() {
    let hub = Hub::shared();
    let repository = files(&hub);
    for path in ["small.txt", "large.bin"] {
        for (range, part, header) in [
            ("bytes=0-0", "0", "bytes 0-0/10"),
            ("bytes=0-9", "0123456789", "bytes 0-9/10"),
            ("bytes=3-5", "345", "bytes 3-5/10"),
            ("bytes=9-9", "9", "bytes 9-9/10"),
            ("bytes=7-", "789", "bytes 7-9/10"),
            ("bytes=0-", "0123456789", "bytes 0-9/10"),
            ("bytes=-1", "9", "bytes 9-9/10"),
            ("bytes=-3", "789", "bytes 7-9/10"),
            ("bytes=-99", "0123456789", "bytes 0-9/10"),
            ("bytes=5-99", "56789", "bytes 5-9/10"),
            ("bytes=5-18446744073709551615", "56789", "bytes 5-9/10"),
            ("bytes=5-99999999999999999999999999", "56789", "bytes 5-9/10"),
            ("bytes=-99999999999999999999999999", "0123456789", "bytes 0-9/10"),
        ] {
            let answer = ask(&repository, path, &[("Range", range)]).expect(206);
            assert_eq!(answer.text(), part, "{path} {range}");
            assert_eq!(answer.header("content-range"), Some(header), "{path} {range}");
            assert_eq!(answer.header("content-length"), Some(part.len().to_string().as_str()), "{path} {range}");
        }
    }
}

#[test]
fn a_range_behind_the_end_is_refused_with_the_size() {
    let hub = Hub::shared();
    let repository = files(&hub);
    for (path, size) in [("small.txt", 10), ("large.bin", 10), ("empty.txt", 0)] {
        let ranges = [
            format!("bytes={size}-"),
            format!("bytes={size}-{size}"),
            "bytes=99-".to_owned(),
            "bytes=99-100".to_owned(),
            "bytes=18446744073709551615-".to_owned(),
            "bytes=99999999999999999999999999-".to_owned(),
            "bytes=-0".to_owned(),
        ];
        for range in ranges {
            let answer = ask(&repository, path, &[("Range", &range)]);
            assert_eq!(answer.header("content-range"), Some(format!("bytes */{size}").as_str()), "{path} {range}");
            answer.refused(416, "RangeNotSatisfiable");
        }
    }
}

#[test]
fn a_range_that_makes_no_sense_is_passed_over() {
    let hub = Hub::shared();
    let repository = files(&hub);
    for range in [
        "bytes=5-2",
        "bytes=0-0,2-2",
        "bytes=0-1,-1",
        "items=0-1",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=0x1-2",
        "bytes=1-2-3",
        "bytes=+1-2",
        "bytes=-1-2",
        "=0-1",
        "",
        "bytes = 0",
        "bytes=\u{fc}",
    ] {
        let answer = ask(&repository, "small.txt", &[("Range", range)]).expect(200);
        assert_eq!(answer.text(), "0123456789", "{range}");
        assert_eq!(answer.header("content-range"), None, "{range}");
    }
}

#[test]
fn an_empty_file_is_served_whole() {
    let hub = Hub::shared();
    let repository = files(&hub);
    let answer = ask(&repository, "empty.txt", &[]).expect(200);
    assert_eq!((answer.body.len(), answer.header("content-length")), (0, Some("0")));
    repository.client.head(repository.resolve("empty.txt")).send().expect(200);
}

#[test]
fn if_range_asks_for_the_part_of_the_same_version_only() {
    let hub = Hub::shared();
    let repository = files(&hub);
    for path in ["small.txt", "large.bin"] {
        let tag = etag(&repository, path);
        let part = ask(&repository, path, &[("Range", "bytes=2-3"), ("If-Range", &tag)]).expect(206);
        assert_eq!(part.text(), "23");
        let weak = format!("W/{tag}");
        for other in ["\"another\"", &weak, "Sat, 21 Nov 2026 00:00:00 GMT", ""] {
            let whole = ask(&repository, path, &[("Range", "bytes=2-3"), ("If-Range", other)]).expect(200);
            assert_eq!(whole.text(), "0123456789", "{other}");
        }
    }
}

#[test]
fn what_the_client_has_is_not_sent_again() {
    let hub = Hub::shared();
    let repository = files(&hub);
    for path in ["small.txt", "large.bin", "empty.txt"] {
        let tag = etag(&repository, path);
        for known in [tag.clone(), format!("W/{tag}"), "*".to_owned(), format!("\"x\", {tag}"), format!("{tag}, \"x\"")]
        {
            for method in ["GET", "HEAD"] {
                let request = repository.client.request(method, repository.resolve(path));
                let answer = request.header("If-None-Match", &known).header("Range", "bytes=0-0").send().expect(304);
                assert!(answer.body.is_empty());
                assert_eq!(answer.header("etag"), Some(tag.as_str()));
                assert_eq!(answer.header("content-length"), None, "a 304 has no length of its own");
                assert!(answer.header("x-repo-commit").is_some());
            }
        }
        for other in ["\"another\"", "", "\"\"", &tag[1..5]] {
            ask(&repository, path, &[("If-None-Match", other)]).expect(200);
        }
    }
}

#[test]
fn a_head_says_what_a_get_would_without_the_bytes() {
    let hub = Hub::shared();
    let repository = files(&hub);
    let told = |mut answer: Answer| {
        answer.headers.retain(|(name, _)| !matches!(name.as_str(), "date" | "x-request-id"));
        answer.headers.sort();
        (answer.status, answer.headers)
    };
    for path in ["small.txt", "large.bin", "empty.txt"] {
        for headers in [&[][..], &[("Range", "bytes=1-2")], &[("Range", "bytes=99-")], &[("If-None-Match", "*")]] {
            let ask = |method: &str| {
                let request = repository.client.request(method, repository.resolve(path));
                headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send()
            };
            let head = ask("HEAD");
            assert!(head.body.is_empty());
            assert_eq!(told(head), told(ask("GET")), "{path} {headers:?}");
        }
    }
}

#[test]
fn the_headers_of_a_file_are_what_clients_read() {
    let hub = Hub::shared();
    let repository = files(&hub);
    let tip = repository.tip();
    let info = repository.client.get(repository.api("/tree/main")).send().ok();
    let entry = |path: &str| info.as_array().unwrap().iter().find(|entry| entry["path"] == path).unwrap().clone();
    let small = repository.client.head(repository.resolve("small.txt")).send().expect(200);
    let oid = entry("small.txt")["oid"].as_str().unwrap().to_owned();
    assert_eq!(small.header("etag"), Some(format!("\"{oid}\"").as_str()));
    assert_eq!(small.header("x-linked-etag"), None);
    let large = repository.client.head(repository.resolve("large.bin")).send().expect(200);
    let oid = entry("large.bin")["lfs"]["oid"].as_str().unwrap().to_owned();
    assert_eq!(large.header("x-linked-etag"), Some(format!("\"{oid}\"").as_str()));
    for answer in [small, large] {
        assert_eq!(answer.header("x-repo-commit"), Some(tip.as_str()));
        assert_eq!(answer.header("accept-ranges"), Some("bytes"));
        assert_eq!(answer.header("content-length"), Some("10"));
        assert_eq!(answer.header("content-encoding"), None);
        assert!(answer.header("content-disposition").is_some_and(|name| name.starts_with("inline")));
    }
}

#[test]
fn a_file_that_is_missing_names_the_commit_that_lacks_it() {
    let hub = Hub::shared();
    let repository = files(&hub);
    let tip = repository.tip();
    repository.add("folder/a.txt", "a");
    for (path, commit) in [
        ("missing.txt", None),
        ("folder", None),
        ("folder/b", None),
        ("small.txt/x", None),
        ("folder/a.txt", Some(&tip)),
    ] {
        let revision = commit.map_or("main", String::as_str);
        let target = repository.page(&format!("/resolve/{revision}/{path}"));
        for method in ["GET", "HEAD"] {
            let answer = repository.client.request(method, &target).send();
            let now = repository.tip();
            assert_eq!(answer.header("x-repo-commit"), Some(commit.unwrap_or(&now).as_str()), "{path}");
            answer.refused(404, "EntryNotFound");
        }
    }
}
