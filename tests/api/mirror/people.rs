//! Users and organisations of other hubs, as far as those say who they are.

use ballast_tests::{Deployment, RemoteHub, unique};
use serde_json::json;

use super::mirroring;

#[test]
fn types_and_profiles_of_who_is_not_here_are_those_of_the_other_hub() {
    let source = Deployment::new().start();
    let (user, _) = source.user("write");
    let organization = unique("org");
    let new = json!({ "name": organization, "description": "Makes models" });
    source.admin().post("/org/create").json(&new).send().expect(200);
    let from = source.client().base();
    let hub = mirroring(&from, "fresh_seconds = 0", "deny = [\"nobody*\"]").start();
    let (client, mut source) = (hub.client(), Some(source));
    for stale in [false, true] {
        for (name, kind) in [(&user, "user"), (&organization, "org")] {
            let told = client.get(format!("/api/users/{name}/type")).send().expect(200);
            assert_eq!(told.json(), json!({ "type": kind, "_source": from }));
            assert_eq!((told.header("warning").is_some(), told.header("x-source")), (stale, Some(from.as_str())));
        }
        let profile = client.get(format!("/api/users/{user}/profile")).send().ok();
        assert_eq!((&profile["username"], &profile["_source"]), (&json!(user), &json!(from)));
        let profile = client.get(format!("/api/organizations/{organization}/profile")).send().ok();
        assert_eq!((&profile["description"], &profile["member_count"]), (&json!("Makes models"), &json!(1)));
        // A user is no organisation, and what is asked of this hub alone is answered by it alone.
        client.get(format!("/api/users/{organization}/profile")).send().refused(404, "NotFound");
        client.get(format!("/api/users/{user}/type?fallback=false")).send().refused(404, "NotFound");
        if !stale {
            client.get(format!("/api/users/{}/type", unique("absent"))).send().refused(404, "NotFound");
            client.get("/api/users/nobody-at-all/type").send().refused(404, "NotFound");
            source.take().unwrap().stop();
        }
    }
}

#[test]
fn who_is_here_is_asked_for_nowhere_else() {
    let remote = RemoteHub::start();
    let hub = mirroring(&remote.endpoint(), "", "").start();
    let told = hub.client().get("/api/users/admin/type").send().ok();
    assert_eq!(told, json!({ "type": "user", "_source": "local" }));
    hub.client().get("/api/organizations/admin/profile").send().refused(404, "NotFound");
    assert!(remote.asked().is_empty());
}
