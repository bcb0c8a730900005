//! Listings: what lies where, page by page.

use ballast_tests::{Hub, Repository, lines};
use serde_json::{Value, json};

fn filled(hub: &Hub) -> Repository {
    let repository = hub.model();
    let files = [
        lines::file("README.md", "# hello"),
        lines::file("dir/a.txt", "a"),
        lines::file("dir/sub/b.txt", "bb"),
        lines::file("dir/sub/c.txt", "ccc"),
    ];
    repository.commit(&files).expect(200);
    repository.add_large("dir/m.bin", b"12345");
    repository
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|entry| entry["path"].as_str().unwrap()).collect()
}

#[test]
fn a_listing_says_what_each_entry_is() {
    let hub = Hub::shared();
    let repository = filled(&hub);
    let root = repository.client.get(repository.api("/tree/main")).send().ok();
    assert_eq!(names(&root), [".gitattributes", "README.md", "dir"]);
    assert_eq!((&root[2]["type"], &root[2]["size"]), (&json!("directory"), &json!(0)));
    assert_eq!(root[2]["oid"].as_str().unwrap().len(), 40);
    let readme = &root[1];
    // As `git hash-object` says it.
    assert_eq!(
        readme["oid"],
        "16e8b96b1b5cc1ab80b7ccd8a8deb0f2b3db9b3a"
            .replace("16e8b96b1b5cc1ab80b7ccd8a8deb0f2b3db9b3a", &blob_oid(b"# hello"))
    );
    assert_eq!((&readme["type"], &readme["size"], readme.get("lfs")), (&json!("file"), &json!(7), None));
    let folder = repository.client.get(repository.api("/tree/main/dir")).send().ok();
    assert_eq!(names(&folder), ["dir/a.txt", "dir/m.bin", "dir/sub"]);
    let pointer =
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 5\n", ballast_tests::sha256(b"12345"));
    assert_eq!(folder[1]["oid"], blob_oid(pointer.as_bytes()));
    assert_eq!(folder[1]["lfs"]["oid"], ballast_tests::sha256(b"12345"));
    assert_eq!((&folder[1]["lfs"]["size"], &folder[1]["lfs"]["pointerSize"]), (&json!(5), &json!(pointer.len())));
}

fn blob_oid(content: &[u8]) -> String {
    ballast_types::git::object_id(ballast_types::git::ObjectKind::Blob, content).to_string()
}

#[test]
fn a_recursive_listing_goes_all_the_way_down() {
    let hub = Hub::shared();
    let repository = filled(&hub);
    let all = repository.client.get(repository.api("/tree/main?recursive=true")).send().ok();
    assert_eq!(
        names(&all),
        [".gitattributes", "README.md", "dir", "dir/a.txt", "dir/m.bin", "dir/sub", "dir/sub/b.txt", "dir/sub/c.txt"]
    );
    let below = repository.client.get(repository.api("/tree/main/dir/sub?recursive=true")).send().ok();
    assert_eq!(names(&below), ["dir/sub/b.txt", "dir/sub/c.txt"]);
}

#[test]
fn an_expanded_listing_has_sizes_of_folders_and_last_commits() {
    let hub = Hub::shared();
    let repository = filled(&hub);
    let later = repository.add("dir/sub/b.txt", "changed!");
    let root = repository.client.get(repository.api("/tree/main?expand=true")).send().ok();
    let folder = &root[2];
    assert_eq!(folder["size"], 1 + 5 + 8 + 3);
    assert_eq!(folder["lastCommit"]["id"], later);
    assert_eq!(folder["lastCommit"]["title"], "a test");
    assert!(folder["lastCommit"]["date"].as_str().unwrap().ends_with('Z'));
    assert_ne!(root[1]["lastCommit"]["id"], later);
}

#[test]
fn a_missing_path_or_a_file_is_no_folder() {
    let hub = Hub::shared();
    let repository = filled(&hub);
    let tip = repository.tip();
    for path in ["missing", "README.md", "dir/a.txt", "dir/missing", "README.md/x", "DIR", "dir/m.bin"] {
        for query in ["", "?recursive=true", "?expand=true"] {
            let answer = repository.client.get(repository.api(&format!("/tree/main/{path}{query}"))).send();
            assert_eq!(answer.header("x-repo-commit"), Some(tip.as_str()));
            assert!(answer.refused(404, "EntryNotFound").contains(path));
        }
    }
}

#[test]
fn pages_lead_to_each_other_and_hold_each_entry_once() {
    let hub = Hub::shared();
    let repository = filled(&hub);
    for (query, expected) in
        [("?limit=1", 3), ("?recursive=true&limit=3", 8), ("?recursive=true&expand=true&limit=2", 8)]
    {
        let (mut target, mut seen) = (repository.api(&format!("/tree/main{query}")), vec![]);
        loop {
            let page = repository.client.get(&target).send().expect(200);
            seen.extend(names(&page.json()).into_iter().map(str::to_owned));
            let Some(next) = page.next() else { break };
            target = repository.client.target(next).to_owned();
            assert!(seen.len() <= expected, "{query}: {seen:?}");
        }
        let mut once = seen.clone();
        once.sort();
        once.dedup();
        assert_eq!((seen.len(), once.len()), (expected, expected), "{query}");
    }
}

#[test]
fn a_page_after_a_place_that_is_not_there_begins_behind_it() {
    let hub = Hub::shared();
    let repository = filled(&hub);
    let after = |cursor: &str| {
        let page = repository.client.get(repository.api(&format!("/tree/main?cursor={cursor}"))).send().ok();
        names(&page).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(after("zzz"), Vec::<String>::new());
    for cursor in ["%00", "..", "%2Fetc%2Fpasswd", &"x".repeat(3000)] {
        assert!(after(cursor).len() <= 3, "{cursor}");
    }
}

#[test]
fn a_page_has_a_thousand_entries_and_fifty_with_all_about_them() {
    let hub = Hub::shared();
    let repository = hub.model();
    let files: Vec<Value> = (0..1100).map(|n| lines::file(&format!("f/{n:04}"), format!("{n}"))).collect();
    repository.commit(&files).expect(200);
    for (query, count) in
        [("", 1000), ("?limit=5000", 1000), ("?expand=true", 50), ("?expand=true&limit=1000", 50), ("?limit=7", 7)]
    {
        let page = repository.client.get(repository.api(&format!("/tree/main/f{query}"))).send().expect(200);
        assert_eq!(page.json().as_array().unwrap().len(), count, "{query}");
        assert!(page.next().is_some(), "{query}");
    }
    let second = repository.client.get(repository.api("/tree/main/f")).send().expect(200);
    let rest = repository.client.get(repository.client.target(second.next().unwrap())).send().expect(200);
    assert_eq!((rest.json().as_array().unwrap().len(), rest.next()), (100, None));
}

#[test]
fn paths_info_answers_for_what_is_there_and_leaves_out_the_rest() {
    let hub = Hub::shared();
    let repository = filled(&hub);
    let ask = |body: Value| repository.client.post(repository.api("/paths-info/main")).json(&body).send().ok();
    let found = ask(json!({ "paths": ["dir/m.bin", "missing", "dir", "README.md", "README.md/x", "dir/sub/"] }));
    assert_eq!(names(&found), ["dir/m.bin", "dir", "README.md", "dir/sub"]);
    assert_eq!((&found[1]["type"], &found[1]["size"]), (&json!("directory"), &json!(0)));
    assert_eq!(found[0]["lfs"]["size"], 5);
    assert_eq!(ask(json!({ "paths": [] })), json!([]));
    let found = ask(json!({ "paths": ["dir"], "expand": true }));
    assert_eq!(found[0]["size"], 1 + 5 + 2 + 3);
    assert!(found[0]["lastCommit"]["id"].is_string());
}

#[test]
fn every_spelling_of_an_address_leads_to_the_same_thing() {
    let hub = Hub::shared();
    let repository = filled(&hub);
    let bare = |rest: &str| format!("/models/{}{rest}", repository.id);
    let tree = repository.client.get(repository.api("/tree/main")).send().ok();
    for target in [
        repository.api("/tree/main/"),
        bare("/tree/main"),
        bare("/tree/main/"),
        repository.api("/tree"),
        bare("/tree/"),
    ] {
        assert_eq!(repository.client.get(&target).send().ok(), tree, "{target}");
    }
    let commits = repository.client.get(repository.api("/commits/main")).send().ok();
    for target in [repository.api("/commits/main/"), bare("/commits/main"), bare("/commits/main/")] {
        assert_eq!(repository.client.get(&target).send().ok(), commits, "{target}");
    }
    let folder = repository.client.get(repository.api("/tree/main/dir")).send().ok();
    for target in [repository.api("/tree/main/dir/"), bare("/tree/main/dir"), bare("/tree/main/dir/")] {
        assert_eq!(repository.client.get(&target).send().ok(), folder, "{target}");
    }
    for target in [repository.api("/paths-info/main/"), bare("/paths-info/main"), bare("/paths-info/main/")] {
        let found = repository.client.post(&target).form("paths=dir").send().ok();
        assert_eq!(names(&found), ["dir"], "{target}");
    }
    for (number, target) in [repository.api("/branch/"), bare("/branch"), bare("/branch/")].iter().enumerate() {
        repository.client.post(target).json(&json!({ "branch": format!("b{number}") })).send().expect(200);
    }
    for (number, target) in [repository.api("/tag/"), bare("/tag"), bare("/tag/")].iter().enumerate() {
        repository.client.post(target).json(&json!({ "tag": format!("t{number}") })).send().expect(200);
    }
    repository.client.delete(bare("/branch/b0/")).send().expect(200);
    repository.client.delete(bare("/tag/t0/")).send().expect(200);
    for target in ["/api/models/", "/api/whoami-v2/", "/api/version/", "/health/"] {
        repository.client.get(target).send().expect(200);
    }
}
