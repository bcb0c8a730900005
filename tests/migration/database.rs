//! `ballast database copy`

use ballast_tests::{Deployment, Postgres};

use crate::world::{fill, goes_on, told};

/// A database of the tests' server; none where there is no server, which is said.
fn postgres() -> Option<Postgres> {
    Postgres::new()
}

#[test]
fn a_hub_that_was_copied_to_postgresql_answers_as_before_and_goes_on() {
    let Some(target) = postgres() else { return };
    let deployment = Deployment::new();
    let hub = deployment.start();
    let filled = fill(&hub);
    let (before, admin) = (filled.answers(), hub.admin_token());
    hub.stop();
    let exported = deployment.run(["audit", "export"]).ok();
    assert!(exported.lines().count() > 3, "{exported}");

    let output = deployment.run(["database", "copy", "--to", target.url()]).ok();
    assert!(output.contains("read again and found the same") && output.contains("[database]"), "{output}");
    assert!(!output.contains(target.url()), "the URL may have a password in it");

    let moved = deployment.clone().set("database.url", target.url());
    // That it was read is on record as well, here and there.
    assert!(moved.run(["audit", "export"]).ok().starts_with(&exported));
    moved.run(["audit", "verify"]).ok();
    let hub = moved.start();
    assert_eq!(hub.admin_token(), admin);
    let filled = filled.on(&hub);
    assert_eq!(filled.answers(), before);
    filled.is_whole();
    goes_on(&hub, &filled);
    hub.stop();
    moved.run(["audit", "verify"]).ok();
    moved.run(["storage", "verify"]).ok();
    // The database of before still is what it was.
    assert!(deployment.run(["audit", "export"]).ok().starts_with(&exported));
}

#[test]
fn a_hub_that_was_copied_back_to_sqlite_answers_as_before_and_goes_on() {
    let Some(source) = postgres() else { return };
    let deployment = source.deployment();
    let hub = deployment.start();
    let filled = fill(&hub);
    let before = filled.answers();
    hub.stop();
    let file = format!("sqlite://{}", deployment.folder().join("copy.db").display());
    let (tables, summary) = told(&deployment.run(["database", "copy", "--to", &file, "--json"]).ok());
    let rows = |name: &str| tables.iter().find(|table| table["table"] == name).unwrap()["rows"].clone();
    assert_eq!((rows("repositories"), &summary["tables"]), (2.into(), &tables.len().into()));

    let moved = deployment.clone().set("database.url", &file);
    let hub = moved.start();
    let filled = filled.on(&hub);
    assert_eq!(filled.answers(), before);
    filled.is_whole();
    goes_on(&hub, &filled);
    hub.stop();
    moved.run(["audit", "verify"]).ok();
    moved.run(["storage", "verify"]).ok();
}

#[test]
fn numbers_that_were_given_away_before_a_copy_are_given_to_nobody_after_it() {
    let Some(target) = postgres() else { return };
    let deployment = Deployment::new();
    let hub = deployment.start();
    hub.model();
    let last = hub.model();
    let gone = serde_json::json!({ "name": last.id, "type": "model" });
    hub.admin().request("DELETE", "/api/repos/delete").json(&gone).send().expect(200);
    hub.stop();
    let given =
        ballast_tests::Rows::of(&deployment).number("SELECT seq FROM sqlite_sequence WHERE name = 'repositories'");
    deployment.run(["database", "copy", "--to", target.url()]).ok();
    let hub = deployment.clone().set("database.url", target.url()).start();
    hub.model();
    let newest = target.rows().number("SELECT MAX(id) FROM repositories");
    assert!(newest > given, "{newest} follows {given}");
}

#[test]
fn a_served_database_is_copied_for_a_rehearsal_only_and_a_target_that_is_used_never() {
    let Some(target) = postgres() else { return };
    let hub = Deployment::new().start();
    hub.model();
    let copy = |more: &[&str]| {
        let arguments = [&["database", "copy", "--to", target.url()], more].concat();
        hub.deployment.run(arguments)
    };
    let refused = copy(&[]).ended(1);
    assert!(refused.errors.contains("--while-serving"), "{}", refused.errors);
    copy(&["--while-serving"]).ok();
    assert_eq!(target.rows().number("SELECT COUNT(*) FROM repositories"), 1);
    let model = hub.model();
    model.add("a.txt", "the hub goes on");
    let refused = copy(&["--while-serving"]).ended(1);
    assert!(refused.errors.contains("of the target has rows"), "{}", refused.errors);
    assert_eq!(target.rows().number("SELECT COUNT(*) FROM repositories"), 1, "nothing was added");
    hub.stop();
}

#[test]
fn a_copy_to_nowhere_says_what_is_wrong_and_leaves_no_trace() {
    let deployment = Deployment::new();
    for (arguments, told) in [
        (&["database", "copy"][..], "--to"),
        (&["database", "copy", "--to", "mysql://somewhere/db"], "is no database that Ballast speaks"),
        (&["database", "copy", "--to-env", "NO_SUCH_VARIABLE"], "NO_SUCH_VARIABLE is not set"),
        (&["database", "copy", "--to-file", "/no/such/file"], "/no/such/file"),
        (&["database", "copy", "--to", "a.db", "--to-env", "A"], "cannot be used with"),
    ] {
        let outcome = deployment.run(arguments).ended(2);
        assert!(outcome.errors.contains(told), "{arguments:?}: {}", outcome.errors);
    }
    assert!(!deployment.data().exists());
    deployment.start().stop();
    let url = "postgres://nobody:hidden-word@127.0.0.1:1/nothing";
    let outcome = deployment.run(["database", "copy", "--to", url]).ended(1);
    assert!(!outcome.errors.contains("hidden-word"), "{}", outcome.errors);
}
