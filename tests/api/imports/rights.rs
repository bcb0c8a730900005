//! Who may import, from where, and whose files are used for it.

use ballast_tests::{Hub, Manner, RemoteHub};
use serde_json::json;

use super::{bert, fetched, import, importing, over, start};
use crate::jobs::{LARGE, noise, remote};

/// A hub whose operator lets a user import, and a token of theirs.
fn with_importer(remote: &RemoteHub) -> (Hub, String, String) {
    let hub = importing(remote).start();
    let (name, _) = hub.user("write");
    let token = hub.token(&name, "write");
    let deployment = hub.deployment.clone().config(&format!("[jobs]\nusers = [\"{name}\"]\n"));
    hub.stop();
    (deployment.start(), name, token)
}

#[test]
fn imports_are_for_administrators_and_for_whom_the_operator_names() {
    let remote = remote();
    let (hub, name, token) = with_importer(&remote);
    hub.client().post("/api/import").json(&bert()).send().expect(401);
    let (_, stranger) = hub.user("write");
    stranger.post("/api/import").json(&bert()).send().refused(403, "Forbidden");
    assert!(remote.asked().is_empty(), "nobody is asked anything for a stranger");
    let named = hub.client().with_token(&token);
    let (target, _) = import(&named, &bert());
    assert_eq!(target.id, format!("{name}/bert"));
    // Into what is another's nobody imports, and what is private looks absent.
    let into = |target: &str| json!({ "repo": "acme/bert", "target": target });
    let (public, private) = (hub.model(), hub.private_model());
    named.post("/api/import").json(&into(&public.id)).send().refused(403, "Forbidden");
    named.post("/api/import").json(&into("admin/new")).send().refused(403, "Forbidden");
    let hidden = named.post("/api/import").json(&into(&private.id)).send().refused(403, "Forbidden");
    let absent = named.post("/api/import").json(&into("admin/nothing")).send().refused(403, "Forbidden");
    assert_eq!(hidden, absent);
    // Each sees their own, and an administrator all of them.
    let mine = import(&hub.admin(), &into("admin/of-my-own")).0;
    let targets = |client: &ballast_tests::Client, page: &str| {
        let listed = client.get(format!("/api/import{page}")).send().ok();
        listed
            .as_array()
            .unwrap()
            .iter()
            .map(|import| import["target"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(targets(&named, ""), std::slice::from_ref(&target.id));
    assert_eq!(targets(&hub.admin(), ""), [target.id.clone(), mine.id.clone()]);
    let first = hub.admin().get("/api/import?limit=1").send().expect(200);
    let next = first.next().expect("a second page").to_owned();
    let rest = hub.admin().get(hub.admin().target(&next)).send().ok();
    assert_eq!((&rest[0]["target"], rest.as_array().unwrap().len()), (&json!(mine.id), 1));
    stranger.get("/api/import").send().refused(403, "Forbidden");
    // Nor does a stranger see what is taken over.
    stranger.get(target.api("/import")).send().expect(404);
    hub.client().get(target.api("/import")).send().expect(401);
    stranger.delete(target.api("/import")).send().expect(404);
}

#[test]
fn who_may_not_import_any_more_imports_no_more() {
    let remote = remote();
    let (hub, _, token) = with_importer(&remote);
    remote.behave(|asked| if asked.target.contains("Q4") { Manner::Stalls(100_000) } else { Manner::Good });
    let target = start(&hub.client().with_token(&token), &bert());
    let (admin, deployment) = (hub.admin_token(), hub.deployment.clone());
    hub.kill();
    remote.behave(|_| Manner::Good);
    let hub = deployment.config("[jobs]\nusers = []\n").start();
    let target = target.seen_by(&hub.client().with_token(&admin));
    let import = over(&target);
    assert!(import["error"].as_str().unwrap().contains("whom the operator names"), "{import}");
    assert_eq!(super::files(&target, "main").len(), 1);
}

#[test]
fn files_that_the_importer_may_not_read_here_are_fetched() {
    let remote = remote();
    let (hub, _, token) = with_importer(&remote);
    let private = hub.private_model();
    private.add_large("weights.bin", &noise(LARGE));
    import(&hub.client().with_token(&token), &bert());
    assert!(fetched(&remote).contains(&"model.Q4.bin".to_owned()), "that it is here tells them nothing");
    // An administrator reads it, and so it is not fetched for one.
    remote.put("models/acme/other", &[("weights.bin", noise(LARGE))]);
    import(&hub.admin(), &json!({ "repo": "acme/other" }));
    assert!(fetched(&remote).is_empty());
}

#[test]
fn another_hub_is_named_and_is_shown_its_own_token() {
    let (first, second) = (remote(), remote());
    let hub = importing(&first)
        .set("jobs.token", "hf_for-the-first")
        .config(&format!(
            "[downloader.other]\nplugin = \"downloader.huggingface\"\n[downloader.other.config]\nendpoint = \"{}\"\n\
             token = \"hf_for-the-second\"\n",
            second.endpoint()
        ))
        .start();
    for from in ["other".to_owned(), format!("{}/", second.endpoint())] {
        let wish = json!({ "repo": "acme/bert", "from": from, "target": ballast_tests::unique("from") });
        let (_, done) = import(&hub.admin(), &wish);
        assert_eq!(done["from"], json!(second.endpoint()));
    }
    assert!(first.asked().is_empty());
    let shown = second.asked();
    assert!(shown.iter().all(|asked| asked.authorization.as_deref() == Some("Bearer hf_for-the-second")), "{shown:?}");
    import(&hub.admin(), &bert());
    let shown = first.asked();
    assert!(shown.iter().all(|asked| asked.authorization.as_deref() == Some("Bearer hf_for-the-first")), "{shown:?}");
}
