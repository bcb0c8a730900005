//! What the layers add up to.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use ballast_config::{Layers, Loaded, Origin, Registration, Role, SecretSource, show};

struct Desk {
    folder: tempfile::TempDir,
    layers: Layers,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layers = Layers { data_dir: folder.path().join("data"), ..Layers::default() };
        Self { folder, layers }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn file(mut self, name: &str, text: &str) -> Self {
        let path = self.write(name, text);
        self.layers.files.push(path);
        self
    }

    fn environment(mut self, name: &str, value: &str) -> Self {
        self.layers.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn set(mut self, assignment: &str) -> Self {
        self.layers.set.push(assignment.to_owned());
        self
    }

    fn load(&self) -> Loaded {
        self.layers.load().unwrap_or_else(|mistakes| panic!("{}", mistakes.problems))
    }
}

#[test]
fn with_no_layer_at_all_the_hub_is_one_folder() {
    let desk = Desk::new();
    let Loaded { config, .. } = desk.load();
    let data = desk.layers.data_dir.display();
    assert_eq!(config.server.listen, "127.0.0.1:28080");
    assert_eq!(config.database.url, Some(SecretSource::text(format!("sqlite://{data}/ballast.db"))));
    assert_eq!(config.storage["main"].plugin, "storage.opendal");
    assert_eq!(config.storage["main"].config["root"], format!("{data}/storage"));
    assert_eq!(config.versioning["main"].plugin, "versioning.native");
    assert_eq!(config.auth["main"].plugin, "auth.local");
    assert_eq!(config.quota["main"].plugin, "quota.ledger");
    assert!(config.downloader.is_empty());
    assert_eq!(config.lfs.suffixes.len(), 32);
    assert_eq!(config.accounts.registration, Registration::Closed);
}

#[test]
fn each_layer_is_over_the_one_before() {
    let mut desk = Desk::new()
        .file("first.toml", "[lfs]\nthreshold = 2\nkeep_versions = 22\nauto_prune = true\n[log]\nlevel = 'a'")
        .file("second.toml", "[lfs]\nthreshold = 3\nkeep_versions = 33\n[log]\nlevel = 'b'")
        .environment("BALLAST_LFS__THRESHOLD", "4")
        .environment("BALLAST_LOG__LEVEL", "c")
        .set("log.level=d");
    desk.layers.system = Some(desk.write("system.toml", "[lfs]\nthreshold = 1\npart_size = 4096"));
    let Loaded { config, origins, .. } = desk.load();

    assert_eq!(config.lfs.part_size, 4096);
    assert_eq!(origins.of_key("lfs.part_size"), Origin::File(desk.folder.path().join("system.toml")));
    assert!(config.lfs.auto_prune);
    assert_eq!(origins.of_key("lfs.auto_prune"), Origin::File(desk.folder.path().join("first.toml")));
    assert_eq!(config.lfs.keep_versions, 33);
    assert_eq!(origins.of_key("lfs.keep_versions"), Origin::File(desk.folder.path().join("second.toml")));
    assert_eq!(config.lfs.threshold, 4);
    assert_eq!(origins.of_key("lfs.threshold"), Origin::Environment("BALLAST_LFS__THRESHOLD".to_owned()));
    assert_eq!(config.log.level, "d");
    assert_eq!(origins.of_key("log.level"), Origin::Set);
    assert_eq!(origins.of_key("server.listen"), Origin::Default);
}

#[test]
fn bare_text_takes_the_type_that_the_schema_wants() {
    let config = Desk::new()
        .environment("BALLAST_SERVER__SITE_NAME", "0123")
        .environment("BALLAST_LFS__AUTO_PRUNE", "true")
        .environment("BALLAST_SERVER__PUBLIC_URL", "")
        .environment("BALLAST_DATABASE__URL", "postgres://u:1@h/d")
        .set("lfs.suffixes=[\".bin\", \".npz\"]")
        .set("bootstrap.users=[{name='ann', tokens=[{name='t', role='read', value='12345678'}]}]")
        .set("storage.main.plugin=storage.opendal")
        .set("storage.main.config.secret_access_key=1e9")
        .load()
        .config;
    assert_eq!(config.server.site_name, "0123");
    assert!(config.lfs.auto_prune);
    assert_eq!(config.server.public_url, None);
    assert_eq!(config.lfs.suffixes, [".bin", ".npz"]);
    assert_eq!(config.bootstrap.users[0].tokens[0].value, SecretSource::text("12345678"));
    assert_eq!(config.storage["main"].config["secret_access_key"], "1e9");
}

#[test]
fn variables_that_are_no_configuration_are_passed_over() {
    Desk::new()
        .environment("BALLAST_DATA_DIR", "/x")
        .environment("BALLAST_PORT_28080_TCP_ADDR", "10.0.0.1")
        .environment("HOME", "/root")
        .load();
}

const BOOTSTRAP: &str = r#"
[[bootstrap.users]]
name = "demo"
full_name = "Demo user"
email = "demo@example.org"
password = { env = "DEMO_PASSWORD" }          # optional
admin = true
tokens = [{ name = "laptop", role = "write", value = { env = "DEMO_TOKEN" } }]   # a plain string works too

[[bootstrap.organizations]]
name = "lab"
full_name = "The Lab"
default_visibility = "private"
members = [{ user = "demo", role = "admin" }]
"#;

#[test]
fn users_organisations_members_and_tokens_are_declared() {
    let loaded = Desk::new().file("hub.toml", BOOTSTRAP).load();
    let (user, lab) = (&loaded.config.bootstrap.users[0], &loaded.config.bootstrap.organizations[0]);
    assert_eq!(user.name.as_str(), "demo");
    assert!(user.admin);
    assert_eq!(lab.default_visibility, ballast_types::Visibility::Private);
    assert_eq!(lab.members[0].user.as_str(), "demo");
    let problems: Vec<_> = loaded.unreadable_secrets().iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("bootstrap.users[0].password (in "), "{problems:?}");
    assert!(problems[0].ends_with("hub.toml): the environment variable DEMO_PASSWORD is not set"), "{problems:?}");
}

#[test]
fn a_secret_is_read_from_its_file_without_the_last_line_break() {
    let desk = Desk::new();
    let path = desk.write("secret", "two\nlines\n");
    let desk = desk.set(&format!("database.url={{ file = \"{}\" }}", path.display()));
    let loaded = desk.load();
    assert_eq!(loaded.config.database.url, Some(SecretSource::text(format!("{{ file = \"{}\" }}", path.display()))));

    let text = format!("[database]\nurl = {{ file = {:?} }}", path.display().to_string());
    let loaded = Desk::new().file("hub.toml", &text).load();
    let url = loaded.config.database.url.clone().unwrap();
    assert_eq!(loaded.secret("database.url", &url).unwrap().expose(), "two\nlines");
}

#[test]
fn every_value_is_shown_with_its_layer_and_no_secret_is() {
    let loaded = Desk::new()
        .file(
            "hub.toml",
            r#"
            [database]
            url = "postgres://ballast:hunter2@db/ballast"
            [storage.main]
            plugin = "storage.x"
            [storage.main.config]
            bucket = "models"
            access_key_id = "hunter2"
            marked = "hunter2"
            endpoint = "https://me:hunter2@s3.example.org/x"
            nested = { password = ["hunter2"] }
            secret_access_key = { env = "S3_SECRET" }
            [[bootstrap.users]]
            name = "demo"
            password = "hunter2hunter2"
            tokens = [{ name = "laptop", role = "write", value = "hunter2hunter2" }]
            "#,
        )
        .environment("BALLAST_LOG__LEVEL", "debug")
        .set("lfs.threshold=7")
        .load();
    let schema = serde_json::json!({ "properties": {
        "marked": { "type": "string", "writeOnly": true },
        "region": { "type": "string", "default": "auto" },
    } });
    let shown = show(&loaded, |plugin| (plugin == "storage.x").then(|| schema.clone()));
    assert!(!shown.contains("hunter2"), "{shown}");
    let file = loaded.origins.of_key("database.url").label();
    let value_and_origin = |key: &str| {
        let line = shown.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap_or_else(|| panic!("{key}"));
        let (value, origin) = line[key.len() + 3..].rsplit_once("  # ").unwrap();
        (value.trim().to_owned(), origin.to_owned())
    };
    for (key, value, origin) in [
        ("server.listen", "\"127.0.0.1:28080\"", "default"),
        ("database.url", "\"***\"", &file),
        ("storage.main.config.bucket", "\"models\"", &file),
        ("storage.main.config.marked", "\"***\"", &file),
        ("storage.main.config.endpoint", "\"https://me:***@s3.example.org/x\"", &file),
        ("storage.main.config.secret_access_key", "{ env = \"S3_SECRET\" }", &file),
        ("storage.main.config.region", "\"auto\"", "default"),
        ("log.level", "\"debug\"", "BALLAST_LOG__LEVEL"),
        ("lfs.threshold", "7", "--set"),
    ] {
        assert_eq!(value_and_origin(key), (value.to_owned(), origin.to_owned()), "{key}");
    }
    assert!(shown.parse::<toml_edit::DocumentMut>().is_ok(), "{shown}");
    assert!(!format!("{:?}", loaded.config).contains("hunter2"));
    assert!(!serde_json::to_string(&loaded.config).unwrap().contains("hunter2"));
    assert!(loaded.config.instances(Role::Downloader).is_empty());
}
