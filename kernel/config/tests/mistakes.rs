//! Bad configurations, and word by word what is said about them.

#![allow(clippy::unwrap_used)]

use ballast_config::Layers;

/// What is said about a file called `hub.toml`, one line a mistake.
fn said(text: &str) -> Vec<String> {
    said_of(text, &[], &[])
}

fn said_of(text: &str, environment: &[(&str, &str)], set: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.toml");
    std::fs::write(&path, text).unwrap();
    let layers = Layers {
        files: vec![path.clone()],
        environment: environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        set: set.iter().map(|assignment| (*assignment).to_owned()).collect(),
        data_dir: "data".into(),
        ..Layers::default()
    };
    let problems = layers.load().expect_err("it was accepted").problems.0;
    problems.iter().map(|problem| problem.to_string().replace(&path.display().to_string(), "hub.toml")).collect()
}

#[test]
fn every_mistake_is_said_at_once_with_its_key_and_its_layer() {
    let said = said_of(
        "[lfs]\ntreshold = 5\nkeep_versions = 'three'\n[sever]\nlisten = 'x'\n",
        &[("BALLAST_ACCOUNTS__REGISTRATION", "opn")],
        &["server.max_connections=many"],
    );
    assert_eq!(
        said,
        [
            "accounts.registration (from BALLAST_ACCOUNTS__REGISTRATION): expected 'open', 'invitation' or 'closed', \
             found 'opn'; did you mean 'open'?",
            "lfs.keep_versions (in hub.toml): expected a whole number, found the text 'three'",
            "lfs.treshold (in hub.toml): unknown key; did you mean lfs.threshold?",
            "server.max_connections (from --set): expected a whole number, found the text 'many'",
            "sever (in hub.toml): unknown key; did you mean server?",
        ]
    );
}

#[test]
fn single_mistakes_are_said_in_words() {
    for (text, expected) in [
        ("[lfs]\nlisten = 1", "lfs.listen (in hub.toml): unknown key; did you mean server.listen?"),
        (
            "[statistics]\ncolour = 1",
            "statistics.colour (in hub.toml): unknown key; known here: download_bucket_minutes, write_seconds",
        ),
        ("lfs = 3", "lfs (in hub.toml): expected a table, found the number 3"),
        ("[lfs]\nthreshold = 0", "lfs.threshold (in hub.toml): expected at least 1, found 0"),
        ("[lfs]\nthreshold = 1.5", "lfs.threshold (in hub.toml): expected a whole number, found the number 1.5"),
        ("[lfs]\nauto_prune = 'yes'", "lfs.auto_prune (in hub.toml): expected true or false, found the text 'yes'"),
        (
            "[lfs]\nsuffixes = ['.bin', 'npz']",
            "lfs.suffixes[1] (in hub.toml): expected the end of a file name, such as .safetensors; found 'npz'",
        ),
        ("[lfs]\nsuffixes = ['.bin', 4]", "lfs.suffixes[1] (in hub.toml): expected a text, found the number 4"),
        (
            "[lfs]\npart_size = 200000000",
            "lfs.multipart_threshold (in hub.toml): expected at least lfs.part_size, which is 200000000",
        ),
        (
            "[server]\nlisten = '28080'",
            "server.listen (in hub.toml): expected ADDRESS:PORT, such as 127.0.0.1:28080 or [::]:28080; found '28080'",
        ),
        (
            "[server]\npublic_url = 'hub.example.org'",
            "server.public_url (in hub.toml): expected an address such as https://hub.example.org; \
             found 'hub.example.org'",
        ),
        ("[server]\nsite_name = ''", "server.site_name (in hub.toml): it is empty"),
        (
            "[uploads]\ngrace_hours = 3",
            "uploads.grace_hours (in hub.toml): expected more than uploads.lease_hours, which is 72",
        ),
        ("[storage.main]\nconfig = {}", "storage.main.plugin (in hub.toml): missing"),
        (
            "[storage.Main]\nplugin = 'x'",
            "storage.Main (in hub.toml): an instance's name has 1 to 64 of a-z, 0-9, '_' and '-'",
        ),
        (
            "[storage.main]\nplugin = 'x'\nrequird = true",
            "storage.main.requird (in hub.toml): unknown key; did you mean storage.main.required?",
        ),
        ("[server]\nlisten = 'a'\nlisten = 'b'", "hub.toml: line 3: duplicate key `listen` in table `server`"),
    ] {
        assert_eq!(said(text), [expected], "{text}");
    }
}

#[test]
fn mistakes_in_what_is_declared_name_their_place() {
    let said_here = said(
        r#"
        [[bootstrap.users]]
        name = "api"
        [[bootstrap.users]]
        name = "a--b"
        email = "nowhere"
        admni = true
        tokens = [{ name = "t", role = "writer", value = "12345678" }, { role = "read", valeu = "x", name = "" }]
        [[bootstrap.organizations]]
        full_name = "No name"
        members = [{ user = "demo", role = "owner" }]
        "#,
    );
    assert_eq!(
        said_here,
        [
            "bootstrap.organizations[0].members[0].role (in hub.toml): expected 'visitor', 'member', 'admin' or \
             'super-admin', found 'owner'",
            "bootstrap.organizations[0].name (in hub.toml): missing",
            "bootstrap.users[0].name (in hub.toml): 'api' is taken by the hub's own pages; choose another",
            "bootstrap.users[1].admni (in hub.toml): unknown key; did you mean bootstrap.users[1].admin?",
            "bootstrap.users[1].email (in hub.toml): expected an address such as demo@example.org; found 'nowhere'",
            "bootstrap.users[1].name (in hub.toml): 'a--b' is not a valid name: '--' and '..' are not allowed",
            "bootstrap.users[1].tokens[0].role (in hub.toml): expected 'read', 'write' or 'admin', found 'writer'; \
             did you mean 'write'?",
            "bootstrap.users[1].tokens[1].name (in hub.toml): it is empty",
            "bootstrap.users[1].tokens[1].valeu (in hub.toml): unknown key; did you mean \
             bootstrap.users[1].tokens[1].value?",
            "bootstrap.users[1].tokens[1].value (in hub.toml): missing",
        ]
    );
}

#[test]
fn what_is_declared_twice_is_refused() {
    let said = said(
        r#"
        [[bootstrap.users]]
        name = "ann"
        password = "short"
        tokens = [
            { name = "t", role = "read", value = "12345678" },
            { name = "t", role = "read", value = "12345678" },
            { name = "u", role = "read", value = "1234567" },
            { name = "v", role = "read", value = " 12345678" },
        ]
        [[bootstrap.organizations]]
        name = "An-N"
        members = [{ user = "ann" }, { user = "Ann" }]
        "#,
    );
    assert_eq!(
        said,
        [
            "bootstrap.organizations[0].name (in hub.toml): 'An-N' and 'ann' of bootstrap.users[0] are one name",
            "bootstrap.users[0].password (in hub.toml): expected at least 8 characters (accounts.min_password)",
            "bootstrap.users[0].tokens[1].name (in hub.toml): tokens[0] of this user has the same name",
            "bootstrap.users[0].tokens[1].value (in hub.toml): bootstrap.users[0].tokens[0] has the same value",
            "bootstrap.users[0].tokens[2].value (in hub.toml): a token's value has at least 8 characters",
            "bootstrap.users[0].tokens[3].value (in hub.toml): a token's value neither begins nor ends with a \
             blank",
            "bootstrap.organizations[0].members[1].user (in hub.toml): members[0] is the same user",
        ]
    );
}

#[test]
fn secrets_are_not_repeated() {
    let text = r#"
        [database]
        url = 41424344
        [[bootstrap.users]]
        name = "ann"
        password = { evn = "41424344" }
        tokens = [{ name = "t", role = "read", value = { env = "A", file = "41424344" } }]
        "#;
    let sources = "a text, { env = \"VARIABLE\" } or { file = \"/path\" }";
    assert_eq!(
        said(text),
        [
            format!("bootstrap.users[0].password (in hub.toml): expected {sources}, found a table"),
            "bootstrap.users[0].tokens[0].value.file (in hub.toml): unknown key; known here: env".to_owned(),
            format!("database.url (in hub.toml): expected {sources}, found another value"),
        ]
    );
    let broken = said("[database]\nurl = \"41424344\n");
    assert_eq!(broken, ["hub.toml: line 2: invalid basic string"]);
}

#[test]
fn layers_that_cannot_be_read_are_said_together() {
    let layers = Layers {
        files: vec!["/nowhere/a.toml".into(), "/nowhere/b.toml".into()],
        set: vec!["lfs.threshold".to_owned(), "a..b=1".to_owned()],
        environment: vec![("BALLAST_SERVER_LISTEN".to_owned(), "x".to_owned())],
        data_dir: "data".into(),
        ..Layers::default()
    };
    let expected = "the configuration has 5 mistakes:\n  \
        BALLAST_SERVER_LISTEN: section and key are parted by two underscores: did you mean BALLAST_SERVER__LISTEN?\n  \
        /nowhere/a.toml: No such file or directory (os error 2)\n  \
        /nowhere/b.toml: No such file or directory (os error 2)\n  \
        --set: 'lfs.threshold' is not of the form section.key=value\n  \
        --set: 'a..b' is not of the form section.key=value";
    assert_eq!(layers.load().unwrap_err().problems.to_string(), expected);
}
