//! Likes, downloads, and what is downloaded most.

use std::time::{Duration, Instant};

use ballast_tests::{Client, Deployment, Hub, Repository};
use serde_json::{Value, json};

fn likes(repository: &Repository) -> Value {
    repository.client.get(repository.api("")).send().ok()["likes"].clone()
}

#[test]
fn a_like_counts_once_for_each_user_and_can_be_taken_back() {
    let hub = Hub::shared();
    let repository = hub.model();
    let (name, fan) = hub.user("write");
    let liked = |client: &Client| client.get(repository.api("/like")).send().ok()["liked"].clone();
    assert_eq!(liked(&fan), false);
    let answer = fan.post(repository.api("/like")).send().ok();
    assert_eq!((&answer["success"], &answer["likes_count"]), (&json!(true), &json!(1)));
    fan.post(repository.api("/like")).send().refused(400, "BadRequest");
    assert_eq!(repository.client.post(repository.api("/like")).send().ok()["likes_count"], 2);
    assert_eq!((liked(&fan), liked(&hub.client())), (json!(true), json!(false)));
    assert_eq!(likes(&repository), 2);

    let likers = hub.client().get(repository.api("/likers")).send().ok();
    let users: Vec<&str> = likers.as_array().unwrap().iter().filter_map(|liker| liker["user"].as_str()).collect();
    assert_eq!(users, ["admin", &name]);
    assert!(likers[0]["avatarUrl"].as_str().unwrap().ends_with("/api/users/admin/avatar"));
    let full = hub.client().get(repository.api("/likers?format=full")).send().ok();
    assert_eq!((&full["total"], &full["likers"][1]["username"]), (&json!(2), &json!(name)));

    assert_eq!(fan.delete(repository.api("/like")).send().ok()["likes_count"], 1);
    fan.delete(repository.api("/like")).send().refused(400, "BadRequest");
    assert_eq!(likes(&repository), 1);
}

#[test]
fn nobody_and_who_only_reads_likes_nothing() {
    let hub = Hub::shared();
    let repository = hub.model();
    let (_, reader) = hub.user("read");
    hub.client().post(repository.api("/like")).send().refused(401, "Unauthorized");
    reader.post(repository.api("/like")).send().refused(403, "Forbidden");
    assert_eq!(likes(&repository), 0);
}

#[test]
fn what_somebody_likes_is_listed_as_far_as_the_caller_may_see_it() {
    let hub = Hub::shared();
    let (name, fan) = hub.user("write");
    let (public, private) = (Repository::create(&fan, &name, false), Repository::create(&fan, &name, true));
    for repository in [&public, &private] {
        fan.post(repository.api("/like")).send().expect(200);
    }
    let listed = |client: &Client| -> Vec<String> {
        let list = client.get(format!("/api/users/{name}/likes")).send().ok();
        let names = list.as_array().unwrap().iter().map(|like| like["repo"]["name"].as_str().unwrap().to_owned());
        names.collect()
    };
    assert_eq!(listed(&fan), [public.id.clone(), private.id.clone()]);
    assert_eq!(listed(&hub.client()), std::slice::from_ref(&public.id));
    let page = fan.get(format!("/api/users/{name}/likes?limit=1")).send().expect(200);
    let next = fan.get(fan.target(page.next().unwrap())).send().expect(200);
    assert_eq!(next.json()[0]["repo"]["name"], private.id);
    assert_eq!(next.next(), None);
    fan.get("/api/users/is-not-there/likes").send().refused(404, "NotFound");
}

/// Waits until a repository's downloads are written, and answers its series of the last days.
fn counted(repository: &Repository, downloads: u64) -> Value {
    let begun = Instant::now();
    loop {
        let stats = repository.client.get(repository.api("/stats")).send().ok();
        if stats["downloads"] == downloads {
            return repository.client.get(repository.api("/stats/recent?days=7")).send().ok();
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{stats}, and {downloads} were to come");
        std::thread::yield_now();
    }
}

fn today(series: &Value) -> Value {
    let days = series["stats"].as_array().unwrap();
    assert_eq!(days.len(), 7);
    assert_eq!(series["period"]["end"], days[6]["date"]);
    days[6].clone()
}

#[test]
fn a_quarter_of_an_hour_of_one_visitor_is_one_download() {
    let hub = Deployment::new().set("statistics.write_seconds", "1").start();
    let repository = hub.model();
    for path in ["a.txt", "b.txt", "c.txt"] {
        repository.add(path, path);
    }
    let nobody = hub.client();
    // What only looks is none.
    nobody.head(repository.resolve("a.txt")).send().expect(200);
    nobody.get(repository.api("/tree/main")).send().expect(200);
    nobody.get(repository.resolve("missing.txt")).send().expect(404);
    for path in ["a.txt", "b.txt", "c.txt"] {
        nobody.get(repository.resolve(path)).send().expect(200);
    }
    // Pieces of one file are one file.
    nobody.get(repository.resolve("a.txt")).header("Range", "bytes=2-3").send().expect(206);
    let other = nobody.get(repository.resolve("a.txt")).header("User-Agent", "another/1.0").send();
    other.expect(200);
    repository.client.get(repository.resolve("a.txt")).send().expect(200);
    repository.client.get(repository.api("/xet-read-token/main")).send().expect(200);
    let day = today(&counted(&repository, 3));
    assert_eq!((&day["downloads"], &day["authenticated"], &day["anonymous"]), (&json!(3), &json!(1), &json!(2)));
    assert_eq!(day["files"], 5);
    // The same visitor again, after it was written, is still the same.
    nobody.get(repository.resolve("b.txt")).send().expect(200);
    nobody.get(repository.resolve("b.txt")).header("User-Agent", "third/1.0").send().expect(200);
    let day = today(&counted(&repository, 4));
    assert_eq!((&day["anonymous"], &day["files"]), (&json!(3), &json!(7)));
    assert_eq!(repository.client.get(repository.api("")).send().ok()["downloads"], 4);
}

#[test]
fn downloads_that_were_not_written_yet_are_written_at_the_end() {
    let deployment = Deployment::new().set("statistics.write_seconds", "3600");
    let hub = deployment.start();
    let repository = hub.model();
    hub.client().get(repository.resolve(".gitattributes")).send().expect(200);
    assert_eq!(repository.client.get(repository.api("/stats")).send().ok()["downloads"], 0);
    hub.stop();
    let hub = deployment.start();
    assert_eq!(hub.client().get(repository.api("/stats")).send().ok()["downloads"], 1);
}

#[test]
fn what_is_downloaded_most_comes_first_and_what_is_private_only_for_its_own() {
    let hub = Deployment::new().set("statistics.write_seconds", "1").start();
    let (much, little, private) = (hub.model(), hub.model(), hub.private_model());
    let fetch = |client: &Client, repository: &Repository, agent: &str| {
        client.get(repository.resolve(".gitattributes")).header("User-Agent", agent).send().expect(200);
    };
    for agent in ["one", "two", "three"] {
        fetch(&hub.client(), &much, agent);
    }
    fetch(&hub.client(), &little, "one");
    fetch(&hub.admin(), &private, "one");
    for (repository, downloads) in [(&much, 3), (&little, 1), (&private, 1)] {
        counted(repository, downloads);
    }
    let trending = |client: &Client, query: &str| -> Vec<(String, u64)> {
        let list = client.get(format!("/api/trending{query}")).send().ok();
        let item = |item: &Value| (item["id"].as_str().unwrap().to_owned(), item["recent_downloads"].as_u64().unwrap());
        list["trending"].as_array().unwrap().iter().map(item).collect()
    };
    let public = [(much.id.clone(), 3), (little.id.clone(), 1)];
    assert_eq!(trending(&hub.client(), ""), public);
    assert_eq!(trending(&hub.client(), "?limit=1&days=30"), public[..1]);
    assert_eq!(trending(&hub.client(), "?repo_type=dataset"), []);
    assert_eq!(trending(&hub.admin(), "").len(), 3);
    hub.client().get("/api/trending?days=0").send().refused(400, "BadRequest");
    hub.client().get("/api/trending?repo_type=gadget").send().refused(400, "BadRequest");
    hub.client().get(much.api("/stats/recent?days=366")).send().refused(400, "BadRequest");
}
