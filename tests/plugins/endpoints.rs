//! HTTP operations that a library brings: what a hub lets through to them, what it lets back, and what becomes of their
//! faults.

use ballast_tests::{Client, Deployment, Hub, Repository};
use serde_json::{Value, json};

use crate::built;

/// A hub with both libraries of endpoints.
fn deployment() -> Deployment {
    let config = format!(
        "{}{}[endpoints.told]\nplugin = \"endpoints.answering\"\n[endpoints.reports]\nplugin = \"endpoints.reports\"\n",
        built::answering().load(),
        built::reports().load_patiently()
    );
    Deployment::new().config(&config)
}

fn at(path: &str) -> String {
    format!("/api/x/told{path}")
}

fn told(client: &Client, path: &str) -> Value {
    client.get(at(path)).send().ok()["request"].clone()
}

fn reported(hub: &Hub, instance: &str) -> Value {
    let all = hub.admin().get("/api/admin/plugins").send().ok()["plugins"].as_array().unwrap().clone();
    all.into_iter().find(|one| one["role"] == "endpoints" && one["instance"] == instance).unwrap()
}

#[test]
fn a_plugin_learns_who_asks_and_no_credential() {
    let hub = deployment().start();
    let (name, ada) = hub.user("write");
    let asked =
        ada.get(at("/anybody?a=1&a=%C3%BC")).header("X-Extra", "of the operation").header("X-Other", "not told");
    let asked = asked.header("Cookie", "ballast_session=x").send().ok()["request"].clone();
    assert_eq!(asked["query"], json!([["a", "1"], ["a", "ü"]]));
    assert_eq!(asked["caller"]["name"], json!(name));
    assert_eq!((&asked["caller"]["role"], &asked["caller"]["is_administrator"]), (&json!("write"), &json!(false)));
    assert_eq!(asked["base"], json!(format!("{}/api/x/told", ada.base())));
    let headers = asked["headers"].to_string();
    assert!(headers.contains("of the operation") && !headers.contains("not told"), "{headers}");
    assert!(!asked.to_string().contains("hf_") && !headers.contains("session"), "a credential came through: {asked}");
    assert_eq!(told(&hub.client(), "/anybody")["caller"], json!(null));
    assert_eq!(told(&hub.admin(), "/administrator")["caller"]["is_administrator"], json!(true));
    hub.stop();
}

#[test]
fn who_may_ask_is_decided_before_the_plugin_hears_of_it() {
    let hub = deployment().start();
    let (_, ada) = hub.user("write");
    let (_, reader) = hub.user("read");
    for path in ["/somebody", "/administrator"] {
        hub.client().get(at(path)).send().refused(401, "Unauthorized");
    }
    hub.client().with_token("hf_wrong").get(at("/anybody")).send().refused(401, "Unauthorized");
    reader.get(at("/somebody")).send().expect(200);
    reader.post(at("/somebody")).send().refused(403, "Forbidden");
    ada.post(at("/somebody")).send().expect(200);
    ada.get(at("/administrator")).send().refused(403, "Forbidden");
    let private = hub.private_model();
    let of = |repository: &Repository| at(&format!("/of/models/{}", repository.id));
    hub.client().get(of(&private)).send().refused(401, "RepoNotFound");
    ada.get(of(&private)).send().refused(404, "RepoNotFound");
    let seen = private.client.get(of(&private)).send().ok()["request"]["repository"].clone();
    assert_eq!(
        (&seen["id"], &seen["kind"], &seen["visibility"]),
        (&json!(private.id), &json!("model"), &json!("private"))
    );
    let public = hub.model();
    assert_eq!(told(&hub.client(), &format!("/of/models/{}", public.id))["repository"]["id"], json!(public.id));
    ada.put(of(&public)).send().refused(403, "Forbidden");
    public.client.put(of(&public)).send().expect(200);
    hub.client().get(at("/of/things/a/b")).send().refused(404, "NotFound");
    hub.client().get(at("/nothing")).send().refused(404, "NotFound");
    hub.client().delete(at("/anybody")).send().refused(405, "MethodNotAllowed");
    hub.stop();
}

#[test]
fn a_body_is_as_long_as_the_operation_says_and_no_longer() {
    let hub = deployment().start();
    let echo = |bytes: &[u8]| hub.client().post(at("/echo")).body(bytes).send();
    let fits: Vec<u8> = (0..100_000).map(|at| at as u8).collect();
    assert!(echo(&fits).expect(200).body == fits);
    assert_eq!(echo(b"").expect(200).body, b"");
    let refused = echo(&[0; 100_001]).refused(413, "TooLarge");
    assert!(refused.contains("longer than 100000 bytes"), "{refused}");
    let packed = hub.client().post(at("/echo")).header("Content-Encoding", "gzip").body(b"x").send();
    packed.refused(415, "UnsupportedMediaType");
    // What an operation does not take is not read.
    let ignored = hub.client().with_token(&hub.admin_token()).post(at("/somebody")).body(b"something").send();
    assert_eq!(ignored.ok()["body"], 0);
    let long = hub.client().get(at("/long/20")).send().expect(200).body;
    assert!(long.len() == 20 << 20 && long[(19 << 20) + 1] == 19, "{} bytes", long.len());
    hub.stop();
}

#[test]
fn headers_that_are_the_hubs_stay_the_hubs() {
    let hub = deployment().start();
    let page = hub.client().get(at("/page")).header("Origin", "https://evil.example").send().expect(200);
    assert_eq!((page.header("x-of"), page.header("set-cookie")), (Some("answering"), None));
    assert_eq!(page.header("access-control-allow-origin"), None);
    assert_ne!(page.header("x-request-id"), Some("mine"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("sandbox") && policy.contains("default-src 'none'"), "{policy}");
    hub.stop();
}

#[test]
fn each_fault_is_a_clear_refusal_and_the_hub_goes_on() {
    let hub = deployment().start();
    let fail = |how: &str| hub.client().get(at(&format!("/fail/{how}"))).send();
    for how in ["panic", "status", "header", "internal"] {
        let said = fail(how).refused(502, "PluginFault");
        assert!(said.contains("endpoints.told") && !said.contains("purpose") && !said.contains("secret"), "{said}");
    }
    fail("never").refused(503, "Unavailable");
    assert_eq!(fail("missing").refused(404, "NotFound"), "there is no such thing");
    assert_eq!(fail("denied").refused(403, "Forbidden"), "not today");
    let report = reported(&hub, "told");
    assert_eq!(report["state"], "degraded", "{report}");
    assert!(report["reason"].as_str().unwrap().contains("did not answer within 1 seconds"), "{report}");
    let log = hub.log();
    assert!(log.contains("on purpose") && log.contains("the secret of the inside"), "{log}");
    assert_eq!(told(&hub.client(), "/anybody")["caller"], json!(null), "the next call works");
    assert_eq!(reported(&hub, "reports")["state"], "ready");
    hub.stop();
}

#[test]
fn an_answer_that_breaks_off_is_not_taken_for_a_whole_one() {
    let hub = deployment().start();
    for how in ["short", "half", "stalled"] {
        let mut stream = hub.client().connect();
        let request = format!("GET {} HTTP/1.1\r\nHost: hub\r\n\r\n", at(&format!("/fail/{how}")));
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        let whole = ballast_tests::read_answer(&mut stream, false);
        assert!(whole.is_err(), "{how} looks whole");
    }
    let report = reported(&hub, "told");
    assert_eq!(report["state"], "degraded", "{report}");
    hub.client().get("/healthz").send().expect(200);
    hub.stop();
}

#[test]
fn reports_are_taken_kept_and_closed() {
    let deployment = deployment();
    let hub = deployment.start();
    let (_, ada) = hub.user("write");
    let repository = hub.model();
    let path = format!("/api/x/reports/repositories/models/{}", repository.id);
    let report = json!({ "reason": "licence", "text": "Its weights are those of somebody else." });
    assert_eq!(ada.post(&path).json(&report).send().expect(201).json()["id"], 1);
    ada.post(&path).json(&report).send().refused(409, "Conflict");
    let odd = ada.post(&path).json(&json!({ "reason": "dull" })).send().refused(400, "BadRequest");
    assert!(odd.contains("one of licence"), "{odd}");
    ada.post(&path).body("{").send().refused(400, "BadRequest");
    let badge = |hub: &Hub| hub.client().get(format!("{path}/badge.svg")).send().expect(200);
    assert!(badge(&hub).text().contains("1 open"));
    assert_eq!(badge(&hub).header("content-type"), Some("image/svg+xml"));
    ada.get("/api/x/reports/reports").send().refused(403, "Forbidden");
    let token = hub.admin_token();
    hub.stop();
    let hub = deployment.start();
    let admin = hub.client().with_token(&token);
    let open = admin.get("/api/x/reports/reports").send().ok();
    assert_eq!(
        (&open["reports"][0]["name"], &open["reports"][0]["reason"]),
        (&json!(repository.id), &json!("licence"))
    );
    admin.delete("/api/x/reports/reports/1").send().expect(204);
    admin.delete("/api/x/reports/reports/1").send().refused(404, "NotFound");
    assert!(badge(&hub).text().contains("none open"));
    hub.stop();
}

#[test]
fn the_deployments_document_has_what_plugins_bring_and_the_core_stays_as_it_is() {
    let deployment = deployment();
    let core: Value = serde_json::from_str(&Deployment::new().run(["openapi"]).ok()).unwrap();
    let hub = deployment.start();
    let served = hub.client().get("/openapi.json").send().ok();
    let printed = deployment.run(["openapi"]).ok();
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap()["paths"], served["paths"]);
    let file = &served["paths"]["/api/x/reports/repositories/{kinds}/{namespace}/{name}"]["post"];
    assert_eq!(file["operationId"], "x_reports_file_report");
    let words = &file["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    assert_eq!(words, "#/components/schemas/x_reports_Words");
    assert!(served["components"]["schemas"]["x_reports_Words"].is_object());
    assert!(served["components"]["responses"]["Error502"].is_object());
    assert_eq!(core["paths"].as_object().unwrap().keys().find(|path| path.starts_with("/api/x/")), None);
    let more = served["paths"].as_object().unwrap().len() - core["paths"].as_object().unwrap().len();
    assert_eq!(more, 12);
    assert!(hub.client().get("/docs").send().expect(200).text().contains("x_reports_file_report"));
    hub.stop();
}

#[test]
fn what_cannot_stand_in_the_document_is_refused_before_it_is_opened() {
    let whole = std::fs::read(built::reports().file()).unwrap();
    let changed = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let mut bytes = whole.clone();
        let places: Vec<usize> = bytes
            .windows(from.len())
            .enumerate()
            .filter(|(_, seen)| *seen == from.as_bytes())
            .map(|(at, _)| at)
            .collect();
        assert!(!places.is_empty(), "{from}");
        for place in places {
            bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
        }
        built::Library::of(&bytes, "libchanged.so")
    };
    for (from, to, expected) in [
        ("\"/reports/{report}\"", "\"/api/rep/{report}\"", "the path '/api/rep/{report}' begins with /api"),
        ("\"operationId\": \"get_badge\"", "\"operationId\": \"get badge\"", "its operationId has letters"),
        ("\"x-ballast-access\": \"anybody\"", "\"x-ballast-access\": \"anyone!\"", "x-ballast-access is anybody"),
        ("#/components/schemas/Words", "#/components/schemas/Error", "leads to no schema of its own"),
        ("\"openapi\": ", "\"openapl\": ", "its manifest lacks openapi"),
    ] {
        let library = changed(from, to);
        let config = format!("{}[endpoints.reports]\nplugin = \"endpoints.reports\"\n", library.load());
        let said = Deployment::new().config(&config).run(["check"]).ended(2).errors;
        assert!(said.contains("endpoints.reports.plugin") && said.contains(expected), "{to}: {said}");
    }
    let twice = format!(
        "{}[endpoints.a-b]\nplugin = \"endpoints.reports\"\n[endpoints.a_b]\nplugin = \"endpoints.reports\"\n",
        built::reports().load_patiently()
    );
    let said = Deployment::new().config(&twice).run(["check"]).ended(2).errors;
    assert!(said.contains("endpoints.a_b.plugin") && said.contains("as another is"), "{said}");
}

#[test]
fn endpoints_that_are_not_required_and_cannot_be_had_answer_503() {
    let broken = built::Library::of(b"no library", "libbroken.so");
    let config = format!("{}\n[endpoints.gone]\nplugin = \"endpoints.broken\"\nrequired = false\n", broken.load());
    let hub = Deployment::new().config(&config).start();
    for path in ["/api/x/gone", "/api/x/gone/any/thing"] {
        hub.client().get(path).send().refused(503, "Unavailable");
        hub.client().post(path).send().refused(503, "Unavailable");
    }
    assert_eq!(reported(&hub, "gone")["state"], "unavailable");
    hub.client().get("/api/x/other").send().refused(404, "NotFound");
    hub.stop();
}

#[test]
fn the_suite_of_its_role_runs_against_endpoints_that_are_a_library() {
    let file = built::reports().file().display().to_string();
    let said = Deployment::new().run(["plugins", "test", file.as_str()]).ok();
    assert!(said.contains("endpoints.trial (endpoints.reports) passes the suite of endpoints"), "{said}");
    let file = built::answering().file().display().to_string();
    let failed = Deployment::new().run(["plugins", "test", file.as_str()]).ended(1).errors;
    assert!(failed.contains("endpoints.trial (endpoints.answering) does not pass"), "{failed}");
    assert!(failed.contains("the plugin panicked: on purpose"), "{failed}");
}
