//! What an author of a plugin has: a plugin to begin with, and the commands that look at one.

use std::process::Command;

use ballast_tests::Deployment;

use crate::built::{self, cargo, root, run};

#[test]
fn a_list_names_what_is_allowed_and_what_was_refused() {
    let (folder, text) = (built::folder(), built::Library::of(b"text", "libtext.so"));
    let deployment = Deployment::new().config(&(folder.load() + &text.load()));
    let listed = deployment.run(["plugins", "list"]).ended(0);
    let words: Vec<Vec<&str>> = listed.output.lines().map(|line| line.split_whitespace().collect()).collect();
    let file = folder.file().display().to_string();
    assert!(words.contains(&vec!["storage.folder", "storage", "0.1.0", file.as_str()]), "{}", listed.output);
    let refused = format!("refused: {}: it is no shared library", text.file().display());
    assert!(listed.errors.contains(&refused), "{}", listed.errors);
}

#[test]
fn a_library_says_what_it_is_and_how_it_is_loaded() {
    let file = built::folder().file().display().to_string();
    let said = Deployment::new().run(["plugins", "inspect", file.as_str()]).ok();
    let sha256 = ballast_tests::sha256(std::fs::read(&file).unwrap());
    for part in [
        "storage.folder",
        "Keeps bytes in one folder",
        "The folder, which is made where it does not exist.",
        &format!("[[plugins.load]]\nfile = \"{file}\"\nsha256 = \"{sha256}\""),
    ] {
        assert!(said.contains(part), "no {part:?} in:\n{said}");
    }
}

#[test]
fn the_suite_runs_against_a_library_and_says_what_it_does_not_keep() {
    let deployment = Deployment::new();
    let place = deployment.folder();
    let keys = format!("[storage.tried.config]\nfolder = {:?}\n", place.join("objects").display().to_string());
    let tried = place.join("tried.toml");
    std::fs::write(&tried, format!("[storage.tried]\nplugin = \"storage.folder\"\n{keys}")).unwrap();
    let (tried, file) = (tried.display().to_string(), built::folder().file().display().to_string());
    let test = ["plugins", "test", file.as_str(), "--config", tried.as_str()];
    let passed = deployment.run(test).ok();
    assert!(passed.contains("storage.tried (storage.folder) passes the suite of storage"), "{passed}");
    std::fs::write(place.join("objects/mine"), "mine").unwrap();
    let refused = deployment.run(test).ended(1).errors;
    assert!(refused.contains("storage.tried is not empty: it has mine"), "{refused}");
    assert!(place.join("objects/mine").exists());
    let broken = place.join("broken.toml");
    let faults = "[storage.tried.config.faults]\ncommit = \"more\"\n";
    std::fs::write(&broken, format!("[storage.tried]\nplugin = \"storage.misbehaving\"\n{faults}")).unwrap();
    let (broken, file) = (broken.display().to_string(), built::misbehaving().file().display().to_string());
    let failed = deployment.run(["plugins", "test", file.as_str(), "--config", broken.as_str()]).ended(1);
    assert!(failed.errors.contains("storage.tried (storage.misbehaving) does not pass"), "{}", failed.errors);
    assert!(failed.errors.contains("it says that it keeps 14 bytes of the 13"), "{}", failed.errors);
    let file = built::in_c().file().display().to_string();
    deployment.run(["plugins", "test", file.as_str()]).ok();
}

#[test]
fn a_new_plugin_compiles_is_tested_and_passes_as_it_was_written() {
    let mut examples = vec![
        ("storage", "folder", "a_folder_conforms"),
        ("quota", "state", "books_in_a_space_conform"),
        ("downloader", "folder", "a_folder_conforms"),
        ("endpoints", "reports", "a_desk_conforms"),
    ];
    // It brings a TLS of its own, and takes a minute.
    if std::env::var_os("BALLAST_TEST_ALL").is_some() {
        examples.push(("auth", "introspection", "it_conforms"));
    }
    for (role, example, test) in examples {
        let place = tempfile::tempdir().unwrap();
        let mut new = Command::new(ballast());
        new.current_dir(place.path()).args(["plugins", "new", role, "my-own", "--ballast"]).arg(root());
        let said = run(new);
        assert!(said.contains("wrote my-own/"), "{said}");
        let written = place.path().join("my-own");
        // The versions that were tried with, so that nothing is fetched and little is built.
        let lock = root().join(format!("examples/plugin/{role}-{example}/Cargo.lock"));
        let lock = std::fs::read_to_string(lock).unwrap();
        let lock = lock.replace(&format!("{role}-{example}"), &format!("{role}-my-own"));
        std::fs::write(written.join("Cargo.lock"), lock).unwrap();
        let tested = run(cargo("test", &written));
        assert!(tested.contains(&format!("{test} ... ok")), "{tested}");
        assert!(tested.contains("the_schema_of_its_keys_is_current ... ok"), "{tested}");
        let source = std::fs::read_to_string(written.join("src/lib.rs")).unwrap();
        assert!(source.contains(&format!("id: \"{role}.my-own\"")), "{source}");
    }
}

#[test]
fn a_new_plugin_has_a_name_and_no_folder_is_written_over() {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("taken")).unwrap();
    for (name, ballast_at, said) in [
        ("Shelf", root(), "'Shelf' is no name of a plugin"),
        ("taken", root(), "taken: File exists"),
        ("shelf", place.path().to_owned(), "has no kernel/sdk"),
    ] {
        let mut new = Command::new(ballast());
        new.current_dir(place.path()).args(["plugins", "new", "storage", name, "--ballast"]).arg(ballast_at);
        let ended = new.output().unwrap();
        let errors = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success() && errors.contains(said), "{errors}");
    }
}

fn ballast() -> std::path::PathBuf {
    ballast_tests::program()
}
