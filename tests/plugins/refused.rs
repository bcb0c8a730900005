//! Files that are no plugin, or not the one that was meant.

use std::path::Path;
use std::process::Command;

use ballast_loader::Library as Inspected;
use ballast_tests::Deployment;

use crate::built::{self, Library, changed_c, run};

fn refusal(file: &Path) -> String {
    Inspected::inspect_anywhere(file).err().unwrap()
}

#[test]
fn a_file_that_is_no_plugin_is_refused_in_words() {
    let text = Library::of(b"#!/bin/sh\n", "libtext.so");
    assert_eq!(refusal(&text.file()), "it is no shared library");
    let whole = std::fs::read(built::in_c().file()).unwrap();
    let cut = Library::of(&whole[..whole.len() / 3], "libcut.so");
    let _ = refusal(&cut.file());
    let program = std::env::current_exe().unwrap();
    assert!(!refusal(&program).is_empty());
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("other.c"), "int answer(void) { return 42; }\n").unwrap();
    let other = place.path().join("libother.so");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&other).arg(place.path().join("other.c"));
    run(compiler);
    assert_eq!(refusal(&other), "it is no plugin of Ballast: it has no section .ballast");
}

#[test]
fn a_library_of_another_machine_is_refused_by_name() {
    let mut bytes = std::fs::read(built::in_c().file()).unwrap();
    let (machine, name) = if cfg!(target_arch = "aarch64") { (62u16, "X86_64") } else { (183u16, "Aarch64") };
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    let other = Library::of(&bytes, "libother.so");
    let here = std::env::consts::ARCH;
    let expected = format!("it is built for {name}, and this hub runs on {here}; build it for {here}");
    assert_eq!(refusal(&other.file()), expected);
}

#[test]
fn a_library_of_another_major_version_is_refused_before_it_is_opened() {
    let newer = changed_c(&[("\\\"major\\\": 1", "\\\"major\\\": 7"), ("BALLAST_MAJOR 1", "BALLAST_MAJOR 7")]);
    let expected = "built for plugin ABI 7.0, this hub speaks ABI 1.x; rebuild it against ballast-sdk 1.x, or use a hub \
                    that speaks ABI 7.x";
    assert_eq!(refusal(&newer.file()), expected);
}

/// What `ballast check` says of a hub over a plugin in C that was changed.
fn checked(changes: &[(&str, &str)], keys: &str) -> String {
    let library = changed_c(changes);
    let config = format!("{}\n[storage.main]\nplugin = \"storage.c\"\n[storage.main.config]\n{keys}\n", library.load());
    let deployment = Deployment::new().config(&config);
    deployment.run(["check"]).ended(2).errors.replace(&library.file().display().to_string(), "FILE")
}

#[test]
fn a_manifest_that_lies_is_a_report_on_the_instance() {
    let lies = [
        ("BALLAST_MAJOR 1", "BALLAST_MAJOR 7", "built for plugin ABI 7.2, this hub speaks ABI 1.x"),
        ("sizeof manifest - 1}", "20}", "the manifest that it declares is not the one in its section"),
        ("sizeof(BallastDeclaration)", "20", "its declaration: it says that it is 20 bytes long"),
        ("    .create = create,\n};", "};", "its declaration lacks create"),
        ("{'B', 'A'", "{'b', 'A'", "it is no plugin of Ballast"),
        (".size = sizeof(BallastStorageTable)", ".size = 24", "its table of storage lacks create"),
        (".list = list_objects,", "", "its table of storage lacks list"),
        (".size = sizeof(BallastLifeTable)", ".size = 4", "the table of its life: it says that it is 4 bytes long"),
        ("BallastDeclaration ballast_plugin", "BallastDeclaration other_name", "it exports no ballast_plugin"),
        ("{store, 0, &life, &storage}", "{store, 0, 0, 0}", "the table of its life: it is missing"),
        ("\\\"storage.c\\\"", "\\\"storage\\\"", "its manifest's id 'storage' is none"),
        ("[\\\"storage\\\"]", "[\\\"auth\\\"]", "its id storage.c says that it is for storage"),
        (
            "[\\\"storage\\\"]",
            "[\\\"storage\\\", \\\"auth\\\"]",
            "plugin ABI 1.2 carries one of storage, auth, quota, downloader, endpoints",
        ),
        ("\\\"version\\\": \\\"1.0.0\\\"", "\\\"version\\\": 1", "its manifest cannot be understood"),
    ];
    for (from, to, expected) in lies {
        let said = checked(&[(from, to)], "");
        assert!(said.contains("storage.main.plugin") && said.contains(expected), "{to}: {said}");
    }
}

#[test]
fn keys_that_do_not_fit_the_schema_are_refused_with_the_key() {
    for (keys, expected) in [
        ("room = \"much\"", "storage.main.config.room (in"),
        ("room = -1", "expected at least 0"),
        ("rooom = 1", "unknown key; did you mean storage.main.config.room?"),
    ] {
        let said = checked(&[], keys);
        assert!(said.contains(expected), "{said}");
    }
    let library = built::misbehaving();
    let keys = "[storage.main]\nplugin = \"storage.misbehaving\"\n[storage.main.config]\nshape = \"square\"\n";
    let deployment = Deployment::new().config(&format!("{}\n{keys}", library.load()));
    let said = deployment.run(["check"]).ended(2).errors;
    assert!(said.contains("storage.main.config.shape (in"), "{said}");
    assert!(said.contains("'square' is no shape"), "{said}");
}

#[test]
fn another_file_than_the_one_that_was_allowed_is_refused() {
    let library = built::in_c();
    let meant = Inspected::digest(&library.file()).unwrap();
    let line = |sha256: &str| {
        let load = library.load();
        format!("{load}sha256 = \"{sha256}\"\n[storage.main]\nplugin = \"storage.c\"\n")
    };
    let check = |sha256: &str| {
        let deployment = Deployment::new().config(&line(sha256));
        deployment.run(["check"])
    };
    check(&meant).ok();
    let other = "0".repeat(64);
    let said = check(&other).ended(2).errors;
    assert!(said.contains(&format!("its SHA-256 is {meant}, and the configuration has {other}")), "{said}");
}
