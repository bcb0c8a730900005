//! What is said about plugins in a configuration.

#![allow(clippy::unwrap_used)]

use ballast_config::{Layers, Problems};
use ballast_contract::auth::{Auth, Credential, Identity};
use ballast_contract::{Component, Result};
use ballast_loader::{Plugin, Registry};
use schemars::JsonSchema;
use serde::Deserialize;

/// Keys of every sort.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Keys {
    root: String,
    threads: u32,
    options: std::collections::BTreeMap<String, String>,
}

impl Default for Keys {
    fn default() -> Self {
        Self { root: "/".to_owned(), threads: 1, options: Default::default() }
    }
}

struct Nobody;

impl Component for Nobody {}

#[async_trait::async_trait]
impl Auth for Nobody {
    async fn authenticate(&self, _: &Credential) -> Result<Option<Identity>> {
        Ok(None)
    }

    async fn is_valid(&self, _: &str) -> Result<bool> {
        Ok(false)
    }
}

fn registry() -> Registry {
    let open = |_: Keys, _| async { Ok(Nobody) };
    Registry::new(vec![Plugin::auth("auth.local", open), Plugin::auth("auth.other", open)])
}

fn layers(text: &str) -> (tempfile::TempDir, Layers) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.toml");
    std::fs::write(&path, text).unwrap();
    (folder, Layers { files: vec![path], data_dir: "data".into(), ..Layers::default() })
}

/// What is said about the instances of `auth`: the other roles have no plugin in these tests.
fn said(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let (folder, mut layers) = layers(text);
    layers.environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let loaded = layers.load().unwrap_or_else(|mistakes| panic!("{}", mistakes.problems));
    let place = format!("{}/", folder.path().display());
    let problems = registry().mistakes(&loaded).into_iter().map(|problem| problem.to_string());
    problems.map(|text| text.replace(&place, "")).filter(|text| text.starts_with("auth")).collect()
}

#[test]
fn the_mistakes_of_all_instances_are_said_together() {
    let text = r#"
        [auth.main]
        plugin = "auth.local"
        [auth.main.config]
        rooot = "/"
        threads = "many"
        [auth.second]
        plugin = "auth.othr"
        [auth.third]
        plugin = "ldap"
        [auth.fourth]
        plugin = "auth.other"
        config = { options = { a = 1, b = { env = "B" }, c = { envv = "C" } } }
    "#;
    assert_eq!(
        said(text, &[("BALLAST_AUTH__FIFTH__PLUGIN", "auth.local"), ("BALLAST_AUTH__FIFTH__CONFIG__THREADS", "x")]),
        [
            "auth.fifth.config.threads (from BALLAST_AUTH__FIFTH__CONFIG__THREADS): expected a whole number, found the \
             text 'x'",
            "auth.fourth.config.options.a (in hub.toml): expected a text, found the number 1",
            "auth.fourth.config.options.c (in hub.toml): expected a text, found a table",
            "auth.main.config.rooot (in hub.toml): unknown key; did you mean auth.main.config.root?",
            "auth.main.config.threads (in hub.toml): expected a whole number, found the text 'many'",
            "auth.second.plugin (in hub.toml): no plugin 'auth.othr' is known; did you mean 'auth.other'?",
            "auth.third.plugin (in hub.toml): no plugin 'ldap' is known; for auth there is auth.local, auth.other",
        ]
    );
}

#[test]
fn a_role_without_any_plugin_says_so() {
    let (_folder, layers) = layers("");
    let problems = Problems(registry().mistakes(&layers.load().unwrap())).to_string();
    assert!(problems.contains("quota.main.plugin: no plugin 'quota.ledger' is known; this hub has none for quota"));
}

#[test]
fn one_instance_of_each_role_is_the_one_that_is_asked() {
    let (folder, layers) = layers(
        "[storage.a]\nplugin = 's'\n[storage.b]\nplugin = 's'\n[quota.a]\nplugin = 'q'\n[quota.b]\nplugin = 'q'",
    );
    let problems = Problems(registry().mistakes(&layers.load().unwrap())).to_string();
    let place = folder.path().join("hub.toml").display().to_string();
    for expected in [
        "storage (in PLACE): several instances (a, b), and none is named main: uploads.storage says which takes uploads",
        "quota (in PLACE): one instance serves the hub, and here are several: a, b",
    ] {
        assert!(problems.contains(&expected.replace("PLACE", &place)), "{problems}");
    }
}

#[test]
fn of_several_storages_the_one_that_is_named_takes_uploads() {
    let several = "[storage.a]\nplugin = 's'\n[storage.b]\nplugin = 's'\n";
    let mistakes = |storage: &str| {
        let (_folder, layers) = layers(&format!("{several}[uploads]\nstorage = '{storage}'"));
        Problems(registry().mistakes(&layers.load().unwrap())).to_string()
    };
    assert!(!mistakes("b").contains("takes uploads"), "{}", mistakes("b"));
    let told = mistakes("c");
    assert!(
        told.contains("uploads.storage") && told.contains("no storage instance 'c'; configured are: a, b"),
        "{told}"
    );
}

#[test]
fn a_mirror_of_what_no_downloader_reads_is_a_mistake() {
    let (_folder, layers) =
        layers("[downloader.a]\nplugin = 'd'\n[[mirror.sources]]\nfrom = 'a'\n[[mirror.sources]]\nfrom = 'b'");
    let told = Problems(registry().mistakes(&layers.load().unwrap())).to_string();
    assert!(told.contains("mirror.sources[1].from") && told.contains("no downloader 'b'; configured are: a"), "{told}");
    assert!(!told.contains("mirror.sources[0]"), "{told}");
}

#[test]
fn environment_text_becomes_what_the_plugin_wants() {
    let environment = [("BALLAST_AUTH__MAIN__PLUGIN", "auth.local"), ("BALLAST_AUTH__MAIN__CONFIG__THREADS", "4")];
    assert_eq!(said("[auth.main.config.options]\npin = { env = 'NO_SUCH_PIN' }", &environment), [""; 0]);
}
