//! `ballast storage verify` and `ballast gc`, beside a serving hub and alone.

use std::fs;

use ballast_tests::{Deployment, lines, sha256};
use serde_json::Value;

use crate::flipped::{flip, pattern, upload};

fn findings(output: &str) -> (Vec<Value>, Value) {
    let mut lines: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summary = lines.pop().unwrap()["summary"].clone();
    (lines, summary)
}

#[test]
fn verifying_says_what_is_damaged_missing_and_untidy_and_ends_with_1() {
    let hub = Deployment::new().start();
    let repository = hub.model();
    let (small, large, lost) = (pattern(4000), pattern(150_000), pattern(90_000));
    repository.add("small.txt", &small);
    repository.add("fine.txt", "fine");
    for (path, bytes) in [("large.bin", &large), ("lost.bin", &lost)] {
        upload(&repository, bytes);
        repository.commit(&[lines::large_file(path, &sha256(bytes), bytes.len())]).ok();
    }
    let run = |arguments: &[&str]| hub.deployment.run(arguments);
    let clean = run(&["storage", "verify"]).ok();
    assert!(clean.contains("everything is there and as it was stored"), "{clean}");
    let (found, summary) = findings(&run(&["storage", "verify", "--json"]).ok());
    assert_eq!((found.len(), &summary["complete"], &summary["damage"]), (0, &true.into(), &0.into()));
    assert!(summary["bytes"].as_u64().unwrap() > 244_000 && summary["names"].as_u64().unwrap() >= 4, "{summary}");

    flip(&hub, &small, 10);
    flip(&hub, &large, 149_999);
    let gone = flip(&hub, &lost, 0);
    fs::remove_file(&gone).unwrap();
    let stray = gone.parent().unwrap().join("0123456789abcdef");
    fs::write(&stray, "who am I").unwrap();
    let quick = run(&["storage", "verify", "--quick", "--json"]).ended(1);
    assert_eq!(findings(&quick.output).1["damage"], 1, "sizes show what is missing: {}", quick.output);
    let outcome = run(&["storage", "verify", "--json"]).ended(1);
    let (found, summary) = findings(&outcome.output);
    let named = |what: &str| {
        let mut subjects: Vec<&str> =
            found.iter().filter(|f| f["what"] == what).map(|f| f["subject"].as_str().unwrap()).collect();
        subjects.sort_unstable();
        subjects
    };
    let mut damaged = [sha256(&small), sha256(&large)];
    damaged.sort();
    assert_eq!(named("damaged"), damaged, "{found:#?}");
    assert_eq!(named("missing"), [sha256(&lost)]);
    assert_eq!(named("orphan").len(), 1);
    assert_eq!((&summary["damage"], &summary["notices"]), (&3.into(), &1.into()));
    assert!(
        found
            .iter()
            .filter(|f| f["severity"] == "damage")
            .all(|f| f["repositories"][0] == format!("model {}", repository.id))
    );
    let told = run(&["storage", "verify"]).ended(1);
    assert!(told.output.contains("uploaded again") && told.errors.contains("3 findings of damage"), "{}", told.errors);

    // What is damaged is refused by the hub that served all the while, and comes back with its bytes.
    fs::remove_file(&stray).unwrap();
    for (path, bytes) in [("large.bin", &large), ("lost.bin", &lost)] {
        repository.client.get(repository.resolve(path)).send().refused(500, "Damaged");
        assert!(upload(&repository, bytes), "{path}");
    }
    repository.add("small-again.txt", &small);
    run(&["storage", "verify"]).ok();
    hub.stop();
}

#[test]
fn a_row_that_lost_its_bytes_is_named_with_its_repository() {
    let deployment = Deployment::new();
    let hub = deployment.start();
    let repository = hub.model();
    repository.add("README.md", "a card");
    hub.stop();
    for folder in ["packs"] {
        let mut below = vec![deployment.data()];
        while let Some(path) = below.pop() {
            let children: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).collect();
            match children.iter().find(|child| child.ends_with(folder)) {
                Some(found) => fs::remove_dir_all(found).unwrap(),
                None => below.extend(children.into_iter().filter(|child| child.is_dir())),
            }
        }
    }
    let outcome = deployment.run(["storage", "verify"]).ended(1);
    assert!(outcome.output.contains(&format!("(model {})", repository.id)), "{}", outcome.output);
    assert!(outcome.output.contains("is not there"), "{}", outcome.output);
}

#[test]
fn a_collection_is_planned_explained_and_done_beside_a_serving_hub() {
    let hub = Deployment::new().start();
    let (kept, gone) = (hub.model(), hub.model());
    let (both, alone, abandoned) = (pattern(70_000), pattern(80_000), pattern(60_000));
    for (repository, path, bytes) in [(&kept, "a.bin", &both), (&gone, "a.bin", &both), (&gone, "b.bin", &alone)] {
        upload(repository, bytes);
        repository.commit(&[lines::large_file(path, &sha256(bytes), bytes.len())]).ok();
    }
    upload(&kept, &abandoned);
    let run = |arguments: &[&str]| hub.deployment.run(arguments);
    let explained = |bytes: &[u8]| run(&["gc", "explain", &sha256(bytes)]).ok();
    assert!(explained(&both).matches("its history names it").count() == 2, "{}", explained(&both));
    assert!(explained(&abandoned).contains("an upload or a commit has leased it"), "{}", explained(&abandoned));
    hub.admin()
        .delete("/api/repos/delete")
        .json(&serde_json::json!({ "name": gone.id, "type": "model" }))
        .send()
        .expect(200);

    assert!(explained(&alone).contains("goes: nobody names it"), "{}", explained(&alone));
    let refused = run(&["gc", "run", "--grace", "0s"]).ended(1);
    assert!(refused.errors.contains("--shorten-grace"), "{}", refused.errors);
    assert!(explained(&alone).contains("goes"), "refused means untouched");
    // With the configured grace, what was just given up stays.
    run(&["gc", "run"]).ok();
    assert!(explained(&alone).contains("goes"));

    let blobs = |table: &str| -> u64 {
        let row = table.lines().find(|line| line.starts_with("blobs removed")).unwrap_or_else(|| panic!("{table}"));
        row.split_whitespace().nth(2).unwrap().parse().unwrap()
    };
    let planned = run(&["gc", "plan", "--grace", "0s"]).ok();
    assert!(explained(&alone).contains("goes"), "a plan changes nothing");
    let done = run(&["gc", "run", "--grace", "0s", "--shorten-grace"]).ok();
    assert!(planned.ends_with(&done), "planned:\n{planned}\ndone:\n{done}");
    assert!(blobs(&done) >= 1);
    let why = run(&["gc", "explain", &sha256(&alone)]).ended(1);
    assert!(why.errors.contains("no blob"), "{}", why.errors);
    assert_eq!(kept.read("a.bin"), both, "what another repository names");
    assert!(explained(&abandoned).contains("leased"), "what an upload has leased");
    let key = explained(&both).lines().find_map(|line| line.split(" as ").nth(1).map(str::to_owned)).unwrap();
    let object = run(&["gc", "explain", key.trim()]).ok();
    assert!(object.contains(&sha256(&both)) && object.contains("kept as long as"), "{object}");
    run(&["gc", "explain", "no/such/object"]).ended(1);
    run(&["gc", "run", "--grace", "soon"]).ended(2);
    run(&["storage", "verify"]).ok();
}
