//! The commands that work on users and tokens, as a running hub notices them.

use ballast_tests::{Deployment, Hub};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

fn signs_in(hub: &Hub, user: &str, password: &str) -> bool {
    let basic = STANDARD.encode(format!("{user}:{password}"));
    hub.client().with_authorization(&format!("Basic {basic}")).get("/api/whoami-v2").send().status == 200
}

#[test]
fn a_user_made_beside_a_running_hub_is_known_to_it_at_once() {
    let hub = Deployment::new().start();
    let run = |arguments: &[&str], input: &str| hub.deployment.run_with(arguments, input);
    run(
        &["user", "create", "nina", "--full-name", "Nina N.", "--email", "nina@example.org", "--password"],
        "a long password\n",
    )
    .ok();
    assert!(signs_in(&hub, "nina", "a long password"));
    let listed = run(&["user", "list"], "").ok();
    assert!(listed.contains("nina") && listed.contains("Nina N.") && listed.contains("nina@example.org"), "{listed}");
    run(&["user", "password", "nina"], "another password\n").ok();
    assert!(!signs_in(&hub, "nina", "a long password") && signs_in(&hub, "nina", "another password"));
    for (arguments, input) in [
        (&["user", "create", "nina"][..], ""),
        (&["user", "create", "NI_NA"], ""),
        (&["user", "create", "a b"], ""),
        (&["user", "create", "new-one", "--password"], "short\n"),
        (&["user", "create", "new-one", "--password"], ""),
        (&["user", "password", "nobody"], "a long password\n"),
        (&["user", "disable", "nobody"], ""),
        (&["token", "create", "nobody"], ""),
        (&["token", "list", "nobody"], ""),
        (&["token", "revoke", "nina", "99"], ""),
    ] {
        let outcome = run(arguments, input).ended(1);
        assert!(
            outcome.errors.starts_with("ballast: ") && outcome.output.is_empty(),
            "{arguments:?}: {}",
            outcome.errors
        );
    }
    assert_eq!(run(&["user", "list"], "").ok(), listed);
}

#[test]
fn a_command_that_makes_no_sense_ends_with_code_2_and_does_nothing() {
    let deployment = Deployment::new();
    for arguments in [
        &["nonsense"][..],
        &["user"],
        &["user", "create"],
        &["token", "create", "admin", "--role", "boss"],
        &["token", "create", "admin", "--expires", "0"],
        &["token", "revoke", "admin", "x"],
        &["serve", "--nonsense"],
        &["check", "--set", "server.nonsense=1"],
        &["check", "--set", "nonsense"],
        &["completions", "nonsense"],
    ] {
        let outcome = deployment.run(arguments).ended(2);
        assert!(!outcome.errors.is_empty(), "{arguments:?}");
    }
    assert!(!deployment.data().exists());
}

#[test]
fn commands_work_on_a_data_folder_without_a_hub() {
    let deployment = Deployment::new();
    deployment.start().stop();
    deployment.run(["user", "create", "offline"]).ok();
    let token =
        deployment.run(["token", "create", "offline", "--name", "laptop", "--role", "read", "--expires", "3"]).ok();
    let listed = deployment.run(["token", "list", "offline"]).ok();
    assert!(listed.contains("laptop") && listed.contains("read") && !listed.contains(token.trim()), "{listed}");
    let hub = deployment.start();
    let who = hub.client().with_token(token.trim()).get("/api/whoami-v2").send().ok();
    assert_eq!((&who["name"], &who["auth"]["accessToken"]["role"]), (&"offline".into(), &"read".into()));
}

#[test]
fn the_administrators_token_is_for_nobody_elses_eyes() {
    use std::os::unix::fs::PermissionsExt;
    let hub = Hub::shared();
    let path = hub.deployment.data().join("admin-token");
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(hub.log().matches(&hub.admin_token()).count(), 1, "told once");
}
