//! An organisation with a public and a private model, and everybody who may ask for them.

use std::collections::HashMap;

use ballast_tests::{Answer, Client, Deployment, Hub, PNG, lines};
use serde_json::{Value, json};

use super::Verdict;
use crate::document::Operation;

/// `ada` governs the organisation with the members, and is who an operation on a user is about. The models have a
/// discussion that `iris` began, who asks for nothing.
const CONFIG: &str = r#"
[accounts]
registration = "open"
[[bootstrap.users]]
name = "otto"
tokens = [{ name = "t", role = "admin", value = "token-of-otto" }]
[[bootstrap.users]]
name = "vera"
tokens = [{ name = "t", role = "admin", value = "token-of-vera" }]
[[bootstrap.users]]
name = "max"
tokens = [{ name = "t", role = "admin", value = "token-of-max" }, { name = "r", role = "read", value = "token-of-max-read" }]
[[bootstrap.users]]
name = "ada"
password = "a long enough one"
tokens = [
    { name = "t", role = "admin", value = "token-of-ada" }, { name = "w", role = "write", value = "token-of-ada-write" },
    { name = "r", role = "read", value = "token-of-ada-read" },
]
[[bootstrap.users]]
name = "sam"
tokens = [{ name = "t", role = "admin", value = "token-of-sam" }]
[[bootstrap.users]]
name = "iris"
tokens = [{ name = "t", role = "admin", value = "token-of-iris" }]
[[bootstrap.users]]
name = "linus"
[[bootstrap.organizations]]
name = "acme"
members = [
    { user = "vera", role = "visitor" }, { user = "max", role = "member" }, { user = "iris", role = "member" },
    { user = "ada", role = "admin" }, { user = "sam", role = "super-admin" },
]
"#;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Public,
    Private,
}

impl Place {
    pub const BOTH: [Self; 2] = [Self::Public, Self::Private];

    /// The model's name.
    fn name(self) -> &'static str {
        match self {
            Self::Public => "bert-tiny",
            Self::Private => "bert-hidden",
        }
    }
}

pub struct World {
    _hub: Hub,
    callers: HashMap<String, Client>,
    /// The first comment of each model's discussion.
    comments: [String; 2],
    /// The collection of the organisation: where it stands, and its item.
    collection: [String; 2],
}

impl World {
    pub fn open() -> Self {
        let hub = Deployment::new().config(CONFIG).start();
        let admin = hub.admin();
        let (ada, iris) = (hub.client().with_token("token-of-ada"), hub.client().with_token("token-of-iris"));
        let comments = Place::BOTH.map(|place| {
            let private = place == Place::Private;
            let new = json!({ "name": format!("acme/{}", place.name()), "private": private });
            ada.post("/api/repos/create").json(&new).send().expect(200);
            let api = format!("/api/models/acme/{}", place.name());
            ada.post(format!("{api}/commit/main"))
                .lines(&[lines::header("x"), lines::file("config.json", "{}")])
                .send()
                .expect(200);
            let begun = json!({ "title": "A question", "description": "Why?" });
            iris.post(format!("{api}/discussions")).json(&begun).send().expect(200);
            let discussion = iris.get(format!("{api}/discussions/1")).send().ok();
            discussion["events"][0]["id"].as_str().expect("a comment").to_owned()
        });
        ada.post("/api/repos/create").json(&json!({ "name": "ada/other" })).send().expect(200);
        let limited = |user: &Client| {
            let new = json!({ "name": "limited", "role": "admin", "repositories": ["ada/other"] });
            let made = user.post("/api/auth/tokens/create").json(&new).send().ok();
            hub.client().with_token(made["token"].as_str().expect("a token"))
        };
        let of_role_write = json!({ "name": "w", "role": "write" });
        let made = admin.post("/api/auth/tokens/create").json(&of_role_write).send().ok();
        let named = ["otto", "vera", "max", "max-read", "ada", "ada-write", "ada-read", "sam"];
        let by_token = |name: &str| (name.to_owned(), hub.client().with_token(&format!("token-of-{name}")));
        let mut callers: HashMap<String, Client> = named.into_iter().map(by_token).collect();
        callers.extend([
            ("nobody".to_owned(), hub.client()),
            ("ada-limited".to_owned(), limited(&ada)),
            ("admin".to_owned(), admin.clone()),
            ("admin-write".to_owned(), hub.client().with_token(made["token"].as_str().expect("a token"))),
        ]);
        let collection = collection(&ada);
        Self { _hub: hub, callers, comments, collection }
    }

    /// Sends the operation as the document shows it.
    pub fn ask(&self, operation: &Operation, place: Place, caller: &str) -> Verdict {
        let client = &self.callers[caller];
        let id = operation.id.as_str();
        let name = match id {
            // Whoever may delete does.
            "delete_repository" | "admin_delete_repository" => self.spare(place),
            _ => place.name().to_owned(),
        };
        let mut target = operation.path.clone();
        for (parameter, value) in self.parameters(operation, place, &name) {
            target = target.replace(&format!("{{{parameter}}}"), &value);
        }
        assert!(!target.contains('{'), "this test does not know what to put into {target}");
        let request = client.request(&operation.method, target);
        let request = match (id, operation.example()) {
            ("delete_repository", _) => request.json(&json!({ "name": format!("acme/{name}") })),
            // Where the name is taken.
            ("move_repository", _) => {
                request.json(&json!({ "fromRepo": format!("acme/{name}"), "toRepo": "acme/bert-tiny" }))
            }
            // On a parent that there never was.
            ("create_commit", _) => {
                let header = json!({ "summary": "x", "parentCommit": "0".repeat(40) });
                request.lines(&[json!({ "key": "header", "value": header }), lines::file("a", "a")])
            }
            // As it is.
            ("admin_change_repository", _) => request.json(&json!({ "private": place == Place::Private })),
            ("update_repository_settings", _) => request.json(&json!({ "lfs_threshold_bytes": 10_000_000 })),
            (_, Some((media, _))) if media == "multipart/form-data" && operation.path.ends_with("/avatar") => {
                request.file("file", PNG)
            }
            (_, Some((media, Value::String(text)))) => request.header("Content-Type", &media).body(text),
            (_, Some((media, example))) if media.contains("form-urlencoded") => {
                let fields = example.as_object().expect("fields").iter();
                let text: Vec<String> =
                    fields.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or("1"))).collect();
                request.form(&text.join("&"))
            }
            (_, Some((media, example))) => request.header("Content-Type", &media).body(example.to_string()),
            (_, None) => request,
        };
        verdict(&request.send())
    }

    /// What an operation that is done needs anew each time, and where it is named.
    fn anew(&self, id: &str) -> Option<(&'static str, String)> {
        let ada = &self.callers["ada"];
        match id {
            "delete_invitation" => {
                let new = json!({ "email": null, "role": "member", "max_usage": 3, "expires_days": 7 });
                let made = ada.post("/api/invitations/org/acme/create").json(&new).send().ok();
                Some(("token", made["token"].as_str().expect("an invitation").to_owned()))
            }
            "send_invitation" => {
                let made = self.callers["admin"].post("/api/invitations/create").json(&json!({})).send().ok();
                Some(("token", made["token"].as_str().expect("an invitation").to_owned()))
            }
            "add_member" => {
                ada.delete("/org/acme/members/linus").send();
                None
            }
            "remove_member" => {
                ada.post("/org/acme/members").json(&json!({ "username": "linus", "role": "visitor" })).send();
                Some(("username", "linus".to_owned()))
            }
            "change_member" => Some(("username", "iris".to_owned())),
            "delete_collection" => {
                let [slug, _] = collection(ada);
                Some(("slug", slug))
            }
            _ => None,
        }
    }

    /// A model to be deleted.
    fn spare(&self, place: Place) -> String {
        let name = ballast_tests::unique("spare");
        let new = json!({ "name": format!("acme/{name}"), "private": place == Place::Private });
        self.callers["ada"].post("/api/repos/create").json(&new).send().expect(200);
        name
    }

    fn parameters(&self, operation: &Operation, place: Place, name: &str) -> Vec<(&'static str, String)> {
        let reads = operation.method == "GET" || operation.method == "HEAD";
        let id = operation.id.as_str();
        // Whom it would be a pity to lose.
        let spared = operation.path.starts_with("/api/admin/") && !reads;
        let username = if spared { "hedy" } else { "ada" };
        let org = if id == "admin_delete_organization" { "hedy" } else { "acme" };
        // What a write names is not there.
        let revision = if reads
            || operation.path.contains("/paths-info/")
            || operation.path.contains("/preupload/")
            || id == "create_commit"
        {
            "main"
        } else {
            "gone"
        };
        let digest = "0".repeat(64);
        let comment = &self.comments[usize::from(place == Place::Private)];
        let [slug, item] = &self.collection;
        let item = if operation.method == "DELETE" { "none" } else { item };
        let usual = [
            ("kinds", "models"),
            ("type", "model"),
            ("namespace", "acme"),
            ("name", name),
            ("username", username),
            ("owner", "acme"),
            ("org", org),
            ("org_name", org),
            ("revision", revision),
            ("branch", "gone"),
            ("source", "gone"),
            ("revisions", "main..main"),
            ("path", "config.json"),
            ("number", "1"),
            ("comment", comment),
            ("status", "pending"),
            ("slug", slug),
            ("item", item),
            ("token_id", "999"),
            ("session_id", "999"),
            ("key_id", "999"),
            ("invitation_id", "999"),
            ("webhook", "000000000000000000000001"),
            ("token", "nonsense"),
            ("oid", &digest),
            ("prefix", "default"),
            ("xorb", &digest),
            ("chunk", &digest),
            ("file", &digest),
            ("id", "1"),
        ]
        .map(|(parameter, value)| (parameter, value.to_owned()));
        self.anew(id).into_iter().chain(usual).collect()
    }
}

/// Whether the repository's visibility may matter.
pub fn is_about_a_repository(operation: &Operation) -> bool {
    operation.path.contains("{name}") || ["delete_repository", "move_repository"].contains(&operation.id.as_str())
}

/// A new collection of the organisation: its last segment, and its item.
fn collection(ada: &Client) -> [String; 2] {
    let item = json!({ "id": "acme/bert-tiny", "type": "model" });
    let new = json!({ "title": ballast_tests::unique("title"), "namespace": "acme", "item": item });
    let made = ada.post("/api/collections").json(&new).send().ok();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let slug = text(&made["slug"]);
    [slug.trim_start_matches("acme/").to_owned(), text(&made["items"][0]["_id"])]
}

fn verdict(answer: &Answer) -> Verdict {
    match (answer.status, answer.header("x-error-code").unwrap_or_default()) {
        (401 | 404, "RepoNotFound") => Verdict::Hidden,
        (401, _) => Verdict::Unknown,
        (403, _) => Verdict::Refused,
        (status, code) => {
            assert!(status < 500 || status == 501, "{status} {code}: {}", answer.text());
            Verdict::LetIn
        }
    }
}
