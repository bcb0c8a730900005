//! The files in `config/` are what the code says. `BALLAST_BLESS=1 cargo test -p ballast-server` writes them.

use std::path::{Path, PathBuf};

use crate::Desk;

fn config(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config").join(name)
}

fn is_current(name: &str, generated: &str) {
    let path = config(name);
    if std::env::var_os("BALLAST_BLESS").is_some() {
        std::fs::write(&path, generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == generated, "{name} is not what the code says: BALLAST_BLESS=1 cargo test -p ballast-server");
}

#[test]
fn the_reference_configuration_is_current() {
    is_current("ballast.toml", &Desk::new().run(&["config", "reference"]).done());
}

#[test]
fn the_schema_is_current() {
    is_current("ballast.schema.json", &Desk::new().run(&["schema"]).done());
}

#[test]
fn the_reference_configuration_is_one_that_changes_nothing() {
    let desk = Desk::new();
    let values = |said: String| {
        let value = |line: &str| line.rsplit_once("  # ").map(|(value, _)| value.trim().to_owned());
        said.lines().filter_map(value).collect::<Vec<_>>()
    };
    let reference = config("ballast.toml");
    let with = desk.run(&["config", "show", "--config", reference.to_str().unwrap()]).done();
    assert_eq!(values(with), values(desk.run(&["config", "show"]).done()));
}

#[test]
fn every_profile_is_valid() {
    let profiles = std::fs::read_dir(config("profiles")).unwrap().map(|entry| entry.unwrap().path());
    let profiles: Vec<_> = profiles.filter(|path| path.extension().is_some_and(|ending| ending == "toml")).collect();
    assert!(profiles.len() >= 4, "{profiles:?}");
    for profile in profiles {
        Desk::new().run(&["check", "--config", profile.to_str().unwrap()]).done();
    }
}
