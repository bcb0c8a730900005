//! The steps of `deploy/README.md`: from one node on SQLite and a folder to PostgreSQL and S3, and from one engine to another.

use ballast_tests::bucket::{ACCESS_KEY, Bucket, SECRET_KEY};
use ballast_tests::{Deployment, LAKEFS_KEY, LAKEFS_SECRET, LakeServer, Postgres};

use crate::world::{files_below, fill, goes_on};

/// The commands and the pieces of configuration that the text has below a heading.
fn steps(heading: &str) -> Vec<String> {
    let text = include_str!("../../deploy/README.md");
    let (_, text) = text.split_once(&format!("\n## {heading}\n")).unwrap();
    let text = text.split_once("\n## ").map_or(text, |(text, _)| text);
    let blocks = text.split("```").skip(1).step_by(2);
    blocks.map(|block| block.split_once('\n').unwrap().1.to_owned()).collect()
}

/// The words of a `ballast` command.
fn words(line: &str) -> Vec<&str> {
    line.strip_prefix("ballast ").unwrap_or_else(|| panic!("{line} is no command of ours")).split(' ').collect()
}

#[test]
fn the_steps_from_one_node_to_postgresql_and_s3_lead_there() {
    let Some(database) = Postgres::new() else { return };
    let (bucket, steps) = (Bucket::new(), steps("From one node to several"));
    let [both, copy, switch, leave, rows, last] = steps.as_slice() else { panic!("other steps: {steps:#?}") };
    let deployment = Deployment::new()
        .environment("S3_ACCESS_KEY", ACCESS_KEY)
        .environment("S3_SECRET_KEY", SECRET_KEY)
        .environment("DATABASE_URL", database.url());
    // What the text calls by the names of its example is this test's.
    let here = |text: &str| {
        text.replace("/var/lib/ballast/storage", &deployment.data().join("storage").display().to_string())
            .replace("https://s3.example.org", &bucket.provider.endpoint())
            .replace("\"models\"", &format!("\"{}\"", bucket.name))
    };
    let hub = deployment.start();
    let filled = fill(&hub);
    let before = filled.answers();
    hub.stop();

    let configured = deployment.clone().config(&here(both));
    configured.run(["check"]).ok();
    let hub = configured.start();
    configured.run(words(copy.trim())).ok();
    hub.stop();

    let configured = configured.config(&here(&format!("{both}\n{switch}")));
    let hub = configured.start();
    for line in leave.trim().lines() {
        configured.run(words(line)).ok();
    }
    hub.stop();
    assert!(files_below(&deployment.data().join("storage")).is_empty());

    let copied = configured.run(words(rows.trim())).ok();
    assert!(copied.contains("url = { env = \"DATABASE_URL\" }"), "{copied}");

    let configured = configured.config(&here(last));
    configured.run(["check"]).ok();
    let hub = configured.start();
    let filled = filled.on(&hub);
    assert_eq!(filled.answers(), before);
    filled.is_whole();
    goes_on(&hub, &filled);
    hub.stop();
    configured.run(["storage", "verify"]).ok();
    configured.run(["audit", "verify"]).ok();
}

#[test]
fn the_steps_from_one_engine_to_another_lead_there() {
    let (server, steps) = (LakeServer::start(), steps("From one engine to another"));
    let [both, first, last, switch] = steps.as_slice() else { panic!("other steps: {steps:#?}") };
    let deployment =
        Deployment::new().environment("LAKEFS_KEY", LAKEFS_KEY).environment("LAKEFS_SECRET", LAKEFS_SECRET);
    let both = both.replace("http://lakefs:8000", &server.endpoint());
    let configured = deployment.config(&both);
    configured.run(["check"]).ok();
    let hub = configured.start();
    let filled = fill(&hub);
    let before = filled.answers();
    configured.run(words(first.trim())).ok();
    hub.stop();
    configured.run(words(last.trim())).ok();

    let serves = "[repositories]\nversioning = \"main\"\n";
    assert!(both.contains(serves), "{both}");
    let configured = configured.config(&both.replace(serves, switch));
    let hub = configured.start();
    let filled = filled.on(&hub);
    assert_eq!(filled.answers(), before);
    filled.is_whole();
    goes_on(&hub, &filled);
    hub.stop();
    configured.run(["storage", "verify"]).ok();
}
