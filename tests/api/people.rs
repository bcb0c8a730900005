//! What users and organisations show of themselves.

use ballast_tests::{Client, Deployment, Hub, PNG};
use serde_json::{Value, json};

const CONFIG: &str = r#"
[[bootstrap.users]]
name = "Ada"
full_name = "Ada L."
email = "ada@example.org"
tokens = [
    { name = "a", role = "admin", value = "token-of-ada" }, { name = "w", role = "write", value = "writing-of-ada" },
    { name = "r", role = "read", value = "reading-of-ada" },
]
[[bootstrap.users]]
name = "bob"
email = "bob@example.org"
tokens = [{ name = "a", role = "admin", value = "token-of-bob" }]
[[bootstrap.organizations]]
name = "Lab"
full_name = "The Lab"
members = [{ user = "Ada", role = "admin" }, { user = "bob", role = "member" }]
"#;

fn hub() -> Hub {
    Deployment::new().config(CONFIG).start()
}

fn ada(hub: &Hub) -> Client {
    hub.client().with_token("token-of-ada")
}

fn bob(hub: &Hub) -> Client {
    hub.client().with_token("token-of-bob")
}

#[test]
fn a_name_is_said_to_be_a_users_or_an_organisations() {
    let hub = hub();
    for (name, kind) in [("ada", "user"), ("Ada", "user"), ("LAB", "org")] {
        let told = hub.client().get(format!("/api/users/{name}/type?fallback=false")).send().ok();
        assert_eq!(told, json!({ "type": kind, "_source": "local" }), "{name}");
    }
    for name in ["nobody", "-x", "%00"] {
        hub.client().get(format!("/api/users/{name}/type")).send().refused(404, "NotFound");
    }
}

#[test]
fn a_user_shows_what_they_wrote_and_takes_it_away_with_null() {
    let hub = hub();
    let profile = || hub.client().get("/api/users/ada/profile").send().ok();
    let nobody = json!({ "twitter_x": null, "threads": null, "github": null, "huggingface": null });
    let empty = profile();
    assert_eq!(
        (&empty["username"], &empty["full_name"], &empty["_source"]),
        (&json!("Ada"), &json!("Ada L."), &json!("local"))
    );
    assert_eq!((&empty["bio"], &empty["website"], &empty["social_media"]), (&Value::Null, &Value::Null, &nobody));
    assert!(empty.get("email").is_none(), "{empty}");

    let put = |body: Value| ada(&hub).put("/api/users/ada/settings").json(&body).send();
    let social = json!({ "twitter_x": "ada_x", "threads": "ada_t", "github": "ada", "huggingface": "ada" });
    let body = json!({ "full_name": "Ada Lovelace", "bio": "First.\nSecond.", "website": "https://ada.example.org", "social_media": social });
    assert_eq!(put(body).ok()["success"], true);
    let told = profile();
    assert_eq!(
        (&told["full_name"], &told["bio"], &told["website"]),
        (&json!("Ada Lovelace"), &json!("First.\nSecond."), &json!("https://ada.example.org"))
    );
    assert_eq!(told["social_media"], social);
    put(json!({ "bio": null, "social_media": { "github": null, "threads": "other" } })).ok();
    let told = profile();
    assert_eq!((&told["bio"], &told["website"]), (&Value::Null, &json!("https://ada.example.org")));
    assert_eq!(
        told["social_media"],
        json!({ "twitter_x": "ada_x", "threads": "other", "github": null, "huggingface": "ada" })
    );
    put(json!({ "social_media": null })).ok();
    assert_eq!(profile()["social_media"], nobody);

    for body in [
        json!({ "website": "javascript:alert(1)" }),
        json!({ "website": "https://" }),
        json!({ "website": "https://a b" }),
        json!({ "bio": "x".repeat(5001) }),
        json!({ "bio": "a\u{0}b" }),
        json!({ "full_name": "a\nb" }),
        json!({ "social_media": { "myspace": "x" } }),
        json!({ "social_media": { "github": "x".repeat(201) } }),
        json!({ "email": "nonsense" }),
        json!({ "email": "BOB@example.org" }),
        json!({ "password": "x" }),
        json!({ "bio": 1 }),
    ] {
        put(body).refused(400, "BadRequest");
    }
    assert_eq!(profile()["full_name"], "Ada Lovelace");
}

#[test]
fn nobody_changes_anybody_elses_settings() {
    let hub = hub();
    let body = json!({ "bio": "mine" });
    bob(&hub).put("/api/users/ada/settings").json(&body).send().refused(403, "Forbidden");
    bob(&hub).put("/api/organizations/lab/settings").json(&body).send().refused(403, "Forbidden");
    hub.client().put("/api/users/ada/settings").json(&body).send().refused(401, "Unauthorized");
    hub.client()
        .with_token("reading-of-ada")
        .put("/api/users/ada/settings")
        .json(&body)
        .send()
        .refused(403, "Forbidden");
    hub.client().with_token("writing-of-ada").put("/api/users/ada/settings").json(&body).send().expect(200);
    // An address lets somebody in: it makes a forgotten password anew.
    let email = json!({ "email": "new@example.org" });
    hub.client()
        .with_token("writing-of-ada")
        .put("/api/users/ada/settings")
        .json(&email)
        .send()
        .refused(403, "Forbidden");
    let me = || ada(&hub).get("/api/auth/me").send().ok();
    assert_eq!((&me()["email"], &me()["email_verified"]), (&json!("ada@example.org"), &json!(true)));
    ada(&hub).put("/api/users/ada/settings").json(&email).send().expect(200);
    assert_eq!((&me()["email"], &me()["email_verified"]), (&json!("new@example.org"), &json!(false)));
    hub.admin().put("/api/users/ada/settings").json(&json!({ "bio": "by the admin" })).send().expect(200);
    hub.admin().put("/api/users/nobody/settings").json(&body).send().refused(404, "NotFound");
}

#[test]
fn an_organisation_shows_what_its_admins_wrote() {
    let hub = hub();
    let body = json!({ "description": "We try", "bio": "More", "website": "https://lab.example.org", "social_media": { "github": "lab" } });
    ada(&hub).put("/api/organizations/lab/settings").json(&body).send().expect(200);
    let told = hub.client().get("/api/organizations/lab/profile").send().ok();
    assert_eq!((&told["name"], &told["description"], &told["bio"]), (&json!("Lab"), &json!("We try"), &json!("More")));
    assert_eq!((&told["member_count"], &told["social_media"]["github"]), (&json!(2), &json!("lab")));
    assert_eq!(hub.client().get("/org/lab").send().ok()["description"], "We try");
    ada(&hub).put("/api/organizations/lab/settings").json(&json!({ "email": "x@y" })).send().refused(400, "BadRequest");
    hub.client().get("/api/organizations/ada/profile").send().refused(404, "NotFound");
}

#[test]
fn overviews_say_what_clients_read_as_far_as_the_caller_may_know() {
    let hub = hub();
    for (name, private) in [("Ada/open", false), ("Ada/shut", true), ("Lab/open", false), ("Lab/shut", true)] {
        ada(&hub).post("/api/repos/create").json(&json!({ "name": name, "private": private })).send().expect(200);
    }
    let base = hub.client().base();
    let told = hub.client().get("/api/users/ADA/overview").send().ok();
    let of_lab =
        json!({ "name": "Lab", "fullname": "The Lab", "avatarUrl": format!("{base}/api/organizations/Lab/avatar") });
    assert_eq!(
        (&told["user"], &told["fullname"], &told["type"], &told["isPro"]),
        (&json!("Ada"), &json!("Ada L."), &json!("user"), &json!(false))
    );
    assert_eq!((&told["avatarUrl"], &told["orgs"]), (&json!(format!("{base}/api/users/Ada/avatar")), &json!([of_lab])));
    assert_eq!((&told["numModels"], &told["numDatasets"]), (&json!(1), &json!(0)));
    assert_eq!(ada(&hub).get("/api/users/ada/overview").send().ok()["numModels"], 2);
    assert_eq!(bob(&hub).get("/api/users/ada/overview").send().ok()["numModels"], 1);
    for name in ["Ada/open", "Lab/shut"] {
        ada(&hub).post(format!("/api/models/{name}/like")).send().expect(200);
    }
    let likes = |client: &Client| client.get("/api/users/ada/overview").send().ok()["numLikes"].clone();
    assert_eq!([likes(&hub.client()), likes(&ada(&hub)), likes(&bob(&hub))], [json!(1), json!(2), json!(2)]);
    let told = bob(&hub).get("/api/organizations/lab/overview").send().ok();
    assert_eq!((&told["name"], &told["numUsers"], &told["numModels"]), (&json!("Lab"), &json!(2), &json!(2)));
    assert_eq!(hub.client().get("/api/organizations/lab/overview").send().ok()["numModels"], 1);
    let members = hub.client().get("/api/organizations/lab/members").send().ok();
    assert_eq!(
        (&members[0]["user"], &members[0]["role"], &members[1]["user"]),
        (&json!("Ada"), &json!("admin"), &json!("bob"))
    );
    for target in ["/api/users/ada/followers", "/api/users/ada/following", "/api/organizations/lab/followers"] {
        assert_eq!(hub.client().get(target).send().ok(), json!([]), "{target}");
        hub.client().get(target.replace("ada", "nobody").replace("lab", "nobody")).send().refused(404, "NotFound");
    }
}

#[test]
fn whether_a_name_is_free_is_told_without_telling_what_is_private() {
    let hub = hub();
    let check = |client: &Client, body: Value| client.post("/api/validate/check-name").json(&body).send().ok();
    let nobody = hub.client();
    let free = check(&nobody, json!({ "name": "New-Name_x" }));
    assert_eq!(
        (&free["available"], &free["normalized_name"], &free["conflict_with"]),
        (&json!(true), &json!("newnamex"), &Value::Null)
    );
    for name in ["ADA", "a-d_a", "lab"] {
        let taken = check(&nobody, json!({ "name": name }));
        assert!(taken["available"] == false && taken["conflict_with"].is_string(), "{taken}");
    }
    for name in ["", "a b", "models", "x".repeat(200).as_str()] {
        let impossible = check(&nobody, json!({ "name": name }));
        assert!(impossible["available"] == false && impossible["conflict_with"].is_null(), "{impossible}");
    }
    for (name, private) in [("Lab/Open-One", false), ("Lab/Shut-One", true)] {
        ada(&hub).post("/api/repos/create").json(&json!({ "name": name, "private": private })).send().expect(200);
    }
    let asked = |name: &str| json!({ "name": name, "namespace": "lab", "type": "model" });
    let taken = check(&nobody, asked("open_one"));
    assert_eq!((&taken["available"], &taken["conflict_with"]), (&json!(false), &json!("Lab/Open-One")));
    assert_eq!(check(&nobody, asked("shut_one"))["available"], true);
    assert_eq!(check(&hub.client().with_token("token-of-bob"), asked("shut_one"))["conflict_with"], "Lab/Shut-One");
    assert_eq!(check(&nobody, json!({ "name": "open-one", "namespace": "lab", "type": "dataset" }))["available"], true);
    assert_eq!(check(&nobody, json!({ "name": "x", "namespace": "nobody", "type": "model" }))["available"], false);
    nobody
        .post("/api/validate/check-name")
        .json(&json!({ "name": "x", "type": "film" }))
        .send()
        .refused(400, "BadRequest");
}

#[test]
fn a_picture_is_kept_as_a_jpeg_shown_with_its_tag_and_removed() {
    let hub = hub();
    for (target, owner, stranger) in
        [("/api/users/ada/avatar", ada(&hub), bob(&hub)), ("/api/organizations/lab/avatar", ada(&hub), bob(&hub))]
    {
        hub.client().get(target).send().refused(404, "NotFound");
        stranger.post(target).file("file", PNG).send().refused(403, "Forbidden");
        hub.client().post(target).file("file", PNG).send().refused(401, "Unauthorized");
        let kept = owner.post(target).file("file", PNG).send().ok();
        let shown = hub.client().get(target).send().expect(200);
        assert_eq!(
            (shown.header("content-type"), shown.header("cache-control")),
            (Some("image/jpeg"), Some("public, max-age=86400"))
        );
        assert!(shown.body.starts_with(b"\xff\xd8\xff") && kept["size_bytes"] == shown.body.len(), "{kept}");
        let tag = shown.header("etag").unwrap().to_owned();
        let again = hub.client().get(target).header("If-None-Match", &tag).send().expect(304);
        assert!(again.body.is_empty() && again.header("etag") == Some(tag.as_str()));
        hub.client().get(target).header("If-None-Match", "\"another\"").send().expect(200);
        for (field, bytes) in [("file", &b"no picture"[..]), ("other", PNG), ("file", b""), ("file", &PNG[..40])] {
            owner.post(target).file(field, bytes).send().refused(400, "BadRequest");
        }
        owner.post(target).header("Content-Type", "image/png").body(PNG).send().refused(400, "BadRequest");
        owner.post(target).file("file", &vec![0; 10 * 1024 * 1024 + 1]).send().refused(413, "TooLarge");
        stranger.delete(target).send().refused(403, "Forbidden");
        owner.delete(target).send().expect(200);
        owner.delete(target).send().refused(404, "NotFound");
        hub.client().get(target).send().refused(404, "NotFound");
    }
}
