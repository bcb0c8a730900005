//! The walls of the house: who may import whom, and what a room may not say.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// For each room, the rooms that it may import. `plugins` stands for every plugin.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("contract", &["types"]),
    ("database", &["types"]),
    ("config", &["types"]),
    ("abi", &[]),
    ("sdk", &["types", "contract", "abi"]),
    ("testkit", &["types", "contract", "xet"]),
    ("plugins", &["types", "contract", "database"]),
    ("catalog", &["types", "database"]),
    ("content", &["types", "contract", "database", "xet"]),
    ("xet", &["types"]),
    ("landing", &["types", "contract"]),
    ("services", &["types", "contract", "catalog", "content", "landing", "xet"]),
    ("loader", &["types", "contract", "config", "abi", "database"]),
    ("api", &["types", "services", "contract", "git", "xet"]),
    ("git", &["types", "services", "contract"]),
];

/// What tests of a room may import besides.
const TESTS_MAY_IMPORT: &[&str] = &["testkit", "types", "contract", "database"];

fn packages() -> Vec<Package> {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap();
    metadata.packages
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// `kernel/catalog` is the room `catalog`; every folder below `plugins` is the room `plugins`.
fn room(package: &Package) -> String {
    let manifest = package.manifest_path.as_std_path();
    let folder = manifest.parent().unwrap().strip_prefix(root()).unwrap();
    let mut parts = folder.iter().map(|part| part.to_str().unwrap());
    match (parts.next(), parts.next()) {
        (Some("kernel"), Some(room)) => room.to_owned(),
        (Some(top), _) => top.to_owned(),
        (None, _) => unreachable!("the workspace's root is no package"),
    }
}

#[test]
fn every_room_imports_only_what_the_plan_allows() {
    let packages = packages();
    let rooms: BTreeMap<String, String> = packages.iter().map(|p| (p.name.to_string(), room(p))).collect();
    let rules: BTreeMap<&str, BTreeSet<&str>> =
        MAY_IMPORT.iter().map(|(room, may)| (*room, may.iter().copied().collect())).collect();
    let mut wrong = vec![];
    for package in &packages {
        let room = &rooms[package.name.as_str()];
        let Some(may) = rules.get(room.as_str()) else {
            assert!(matches!(room.as_str(), "server" | "tests"), "the room '{room}' is not in the plan");
            continue;
        };
        for dependency in &package.dependencies {
            let Some(other) = rooms.get(&dependency.name) else { continue };
            let test = dependency.kind == DependencyKind::Development;
            let allowed = may.contains(other.as_str()) || (test && TESTS_MAY_IMPORT.contains(&other.as_str()));
            // Content is tried out on a real store.
            let content_on_a_store = test && room == "content" && other == "plugins";
            // And the loader on a plugin.
            let loader_on_a_plugin = test && room == "loader" && other == "sdk";
            if !allowed && !content_on_a_store && !loader_on_a_plugin {
                wrong.push(format!("{} ({room}) may not import {} ({other})", package.name, dependency.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_package_is_called_after_its_folder() {
    for package in packages() {
        let manifest = package.manifest_path.as_std_path();
        let folder = manifest.parent().unwrap().strip_prefix(root()).unwrap();
        let words: Vec<&str> = folder.iter().map(|part| part.to_str().unwrap()).collect();
        let rest = if words.len() > 1 { &words[1..] } else { &words[..] };
        assert_eq!(package.name.as_str(), format!("ballast-{}", rest.join("-")));
    }
}

#[test]
fn every_dependency_is_named_once_in_the_workspace() {
    for package in packages() {
        let manifest = std::fs::read_to_string(package.manifest_path.as_std_path()).unwrap();
        let sections = manifest.split("\n[").filter(|section| section.contains("dependencies]"));
        for line in sections.flat_map(|section| section.lines().skip(1)).filter(|line| line.contains('=')) {
            assert!(line.contains("workspace = true"), "{}: `{line}` names a version of its own", package.name);
        }
    }
}

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

fn assert_no_source_says(room: &str, words: &[&str]) {
    for (path, text) in sources(&root().join("kernel").join(room).join("src")) {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for (number, line) in code.enumerate() {
            let said = words.iter().find(|word| line.contains(**word));
            assert!(said.is_none(), "{}: line {number} of code says {said:?}: {line}", path.display());
        }
    }
}

#[test]
fn the_http_room_sees_the_contracts_nouns_and_no_role_trait() {
    let traits = [
        "dyn Storage",
        "dyn Versioning",
        "dyn Auth",
        "dyn Quota",
        "dyn Downloader",
        "dyn Endpoints",
        "impl Versioning for",
    ];
    assert_no_source_says("api", &traits);
}

#[test]
fn the_verbs_know_no_status_code_and_no_sql() {
    assert_no_source_says("services", &["StatusCode", "poem", "diesel", "sql_query"]);
}

#[test]
fn unsafe_code_stays_where_a_library_is_spoken_with() {
    let rooms = std::fs::read_dir(root().join("kernel")).unwrap().map(|room| room.unwrap().file_name());
    for room in rooms.filter_map(|room| room.into_string().ok()) {
        for (path, text) in sources(&root().join("kernel").join(&room).join("src")) {
            let may = room == "abi" || room == "sdk" || path.ends_with("loader/src/library.rs");
            assert!(may || !text.contains("allow(unsafe_code)"), "{} allows unsafe code", path.display());
        }
    }
}

#[test]
fn only_the_server_names_a_built_in_plugin() {
    let names = ["storage.opendal", "versioning.native", "versioning.lakefs", "auth.local", "quota.ledger"];
    for room in ["catalog", "content", "services", "api", "loader", "database"] {
        assert_no_source_says(room, &names);
    }
}
