//! The hub itself: what it says of itself, to whom, and to pages of other origins.

use ballast_tests::{Deployment, Hub};
use serde_json::json;

#[test]
fn the_version_is_the_binarys_and_said_in_one_way() {
    let hub = Hub::shared();
    let printed = hub.deployment.run(["--version"]).ok();
    let version = printed.trim().rsplit(' ').next().unwrap().to_owned();
    let told = hub.client().get("/api/version").send().ok();
    assert_eq!((&told["version"], &told["api"]), (&json!(version), &json!("kohakuhub")));
    let root = hub.client().get("/").send().ok();
    assert_eq!(root["version"], version.as_str());
    for target in ["/health", "/api/health", "/healthz"] {
        assert_eq!(hub.client().get(target).send().ok()["status"], "ok", "{target}");
    }
}

#[test]
fn a_browser_is_shown_a_page_and_a_program_json() {
    let hub = Hub::shared();
    let page = hub.client().get("/").header("Accept", "text/html,application/xhtml+xml,*/*;q=0.8").send().expect(200);
    assert!(page.header("content-type").is_some_and(|media| media.starts_with("text/html")));
    let program = hub.client().get("/").header("Accept", "*/*").send().expect(200);
    assert!(program.header("content-type").is_some_and(|media| media.starts_with("application/json")));
}

#[test]
fn the_site_says_what_a_page_must_know() {
    let hub = Deployment::new().set("server.site_name", "The Lab's hub").start();
    let told = hub.client().get("/api/site-config").send().ok();
    assert_eq!(
        told,
        json!({
            "site_name": "The Lab's hub", "invitation_only": false, "require_email_verification": false,
            "registration": "closed",
        })
    );
    assert_eq!(hub.client().get("/api/version").send().ok()["name"], "The Lab's hub");
}

#[test]
fn readiness_names_every_part() {
    let hub = Hub::shared();
    let told = hub.client().get("/readyz").send().ok();
    assert_eq!(told["status"], "ready");
    let parts: Vec<&str> =
        told["parts"].as_array().unwrap().iter().map(|part| part["name"].as_str().unwrap()).collect();
    for part in ["storage.main", "versioning.main", "auth.main", "quota.main"] {
        assert!(parts.contains(&part), "{parts:?}");
    }
    assert!(told["parts"].as_array().unwrap().iter().all(|part| part["ready"] == true));
}

#[test]
fn metrics_count_requests_by_route_and_never_by_path() {
    let hub = Hub::shared();
    let repository = hub.model();
    repository.client.get(repository.api("/tree/main")).send().expect(200);
    hub.client().get("/no-such-page-anywhere").send().refused(404, "NotFound");
    let answer = hub.client().get("/metrics").send().expect(200);
    assert!(answer.header("content-type").is_some_and(|media| media.starts_with("text/plain")));
    let text = answer.text();
    for line in [
        "# TYPE ballast_http_requests_total counter",
        "# TYPE ballast_http_request_seconds histogram",
        "ballast_http_requests_total{method=\"GET\",route=\"list_root\",status=\"200\"}",
        "ballast_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"}",
    ] {
        assert!(text.contains(line), "{line} is not in:\n{text}");
    }
    assert!(!text.contains(&repository.id) && !text.contains("no-such-page"));
}

#[test]
fn the_document_is_the_committed_one() {
    let hub = Hub::shared();
    let served = hub.client().get("/openapi.json").send().ok();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi/openapi.json");
    let committed: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(
        served["paths"].as_object().unwrap().keys().collect::<Vec<_>>(),
        committed["paths"].as_object().unwrap().keys().collect::<Vec<_>>()
    );
}

#[test]
fn the_viewer_loads_nothing_from_elsewhere() {
    let hub = Hub::shared();
    let answer = hub.client().get("/docs").send().expect(200);
    assert!(answer.header("content-type").is_some_and(|media| media.starts_with("text/html")));
    let page = answer.text();
    for tag in ["script", "link", "img", "iframe", "source", "object"] {
        for opening in page.split(&format!("<{tag}")).skip(1) {
            let opening = opening.split('>').next().unwrap_or_default();
            assert!(
                !opening.contains("://") && !opening.contains("=\"//"),
                "<{tag}{}>",
                &opening[..opening.len().min(200)]
            );
        }
    }
    for word in ["@import", "url(http", "url(//", "url(\"http", "url('http"] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn a_card_is_checked_before_it_is_committed() {
    let hub = Hub::shared();
    let check = |content: &str, kind: &str| {
        hub.client().post("/api/validate-yaml").json(&json!({ "content": content, "repoType": kind })).send()
    };
    let fine = check("---\nlicense: mit\n---\n# Hi", "model").ok();
    assert_eq!((&fine["errors"], &fine["valid"]), (&json!([]), &json!(true)));
    let empty = check("# no metadata", "model").ok();
    assert!(empty["warnings"][0]["message"].is_string(), "{empty}");
    for (content, word) in [("---\nlicense: asdf\n---\n", "\"license\" must be one of"), ("---\nlicense: [\n---\n", "")]
    {
        let answer = check(content, "model").expect(400).json();
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(word) && answer["valid"] == false, "{answer}");
    }
    check("---\nlicense: mit\n---\n", "nonsense").expect(400).json();
}

#[test]
fn a_card_that_is_made_to_be_dear_costs_little() {
    let hub = Hub::shared();
    let begun = std::time::Instant::now();
    for deep in ["[".repeat(200_000), "{a: ".repeat(50_000)] {
        let content = format!("---\na: {deep}\n---\n");
        let ask = hub.client().post("/api/validate-yaml").json(&json!({ "content": content, "repoType": "model" }));
        assert_eq!(ask.send().expect(400).json()["valid"], false);
    }
    assert!(begun.elapsed() < std::time::Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[test]
fn telemetry_goes_nowhere_and_is_no_error() {
    let hub = Hub::shared();
    hub.client().head("/api/telemetry/any/topic?x=1").send().expect(200);
}

#[test]
fn no_page_of_another_origin_may_read_anything_unless_it_is_named() {
    let hub = Hub::shared();
    let preflight = hub.client().request("OPTIONS", "/api/models").header("Origin", "https://evil.example");
    let answer = preflight.header("Access-Control-Request-Method", "GET").send().expect(204);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    let answer = hub.client().get("/api/models").header("Origin", "https://evil.example").send().expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[test]
fn a_named_origin_may_ask_before_it_says_who_it_is_and_read_the_answers() {
    let hub = Deployment::new().set("server.cors_origins", "[\"https://web.example\"]").start();
    let repository = hub.private_model();
    let ask = |target: &str, origin: &str| {
        let request = hub.client().with_token("nonsense").request("OPTIONS", target).header("Origin", origin);
        request
            .header("Access-Control-Request-Method", "PUT")
            .header("Access-Control-Request-Headers", "authorization")
            .send()
    };
    for target in
        [repository.api("/tree/main"), "/nothing".to_owned(), "/api/whoami-v2".to_owned(), repository.resolve("x")]
    {
        let answer = ask(&target, "https://web.example").expect(204);
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://web.example"), "{target}");
        assert_eq!(answer.header("access-control-max-age"), Some("86400"));
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            assert!(
                answer.header("access-control-allow-methods").is_some_and(|methods| methods.contains(method)),
                "{method}"
            );
        }
        assert!(answer.header("access-control-allow-headers").is_some_and(|headers| headers.contains("Authorization")));
        assert_eq!(ask(&target, "https://web.example.evil").expect(204).header("access-control-allow-origin"), None);
    }
    // Refusals can be read too, or a page could not say what went wrong.
    for target in [repository.api("/tree/main"), "/nothing".to_owned()] {
        let answer = hub.client().get(target).header("Origin", "https://web.example").send();
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://web.example"));
        assert!(answer.header("vary").is_some_and(|vary| vary.contains("Origin")));
        let exposed = answer.header("access-control-expose-headers").unwrap_or_default().to_ascii_lowercase();
        for header in [
            "ETag",
            "Link",
            "Location",
            "Accept-Ranges",
            "Content-Range",
            "Content-Length",
            "X-Repo-Commit",
            "X-Linked-Etag",
            "X-Linked-Size",
            "X-Xet-Hash",
            "X-Error-Code",
            "X-Error-Message",
            "X-Request-Id",
        ] {
            assert!(exposed.contains(&header.to_ascii_lowercase()), "{header}");
        }
    }
}

#[test]
fn a_star_lets_every_page_read_what_is_public() {
    let hub = Deployment::new().set("server.cors_origins", "[\"*\"]").start();
    let answer = hub.client().get("/api/models").header("Origin", "https://any.example").send().expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
}

#[test]
fn links_lead_where_the_client_came_from_or_to_the_public_url() {
    let hub = Hub::shared();
    let repository = hub.model();
    let link = |request: ballast_tests::Request| {
        let answer = request.send().expect(200);
        answer.next().expect("a next page").to_owned()
    };
    let target = repository.api("/tree/main?limit=1");
    repository.add("a", "a");
    assert!(link(repository.client.get(&target)).starts_with(&format!("{}/api/", repository.client.base())));
    let proxied =
        repository.client.get(&target).header("X-Forwarded-Proto", "https").header("X-Forwarded-Host", "hub.example");
    assert!(link(proxied).starts_with("https://hub.example/api/"));

    let public = Deployment::new().set("server.public_url", "https://hub.example.org/").start();
    let name = json!({ "name": "x" });
    let made = public.admin().post("/api/repos/create").json(&name).send().ok();
    assert_eq!(made["url"], "https://hub.example.org/admin/x");
}

#[test]
fn whoami_says_what_clients_read() {
    let hub = Hub::shared();
    let told = hub.admin().get("/api/whoami-v2").send().ok();
    for (field, value) in
        [("type", json!("user")), ("name", json!("admin")), ("isPro", json!(false)), ("orgs", json!([]))]
    {
        assert_eq!(told[field], value, "{field}");
    }
    assert_eq!(told["auth"]["accessToken"]["role"], "admin");
    assert_eq!(told["auth"]["accessToken"]["displayName"], "first start");
    assert!(told["fullname"].is_string() && told["id"].is_string());
}
