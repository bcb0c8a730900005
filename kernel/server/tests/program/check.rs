//! Configurations, good and bad.

use crate::Desk;

#[test]
fn every_mistake_of_kernel_and_plugins_is_said_at_once_with_code_2() {
    let desk = Desk::new();
    let path = desk.write(
        "hub.toml",
        "[lfs]\ntreshold = 5\n[log]\nlevel = 'info'\n\
         [storage.main]\nplugin = 'storage.opendl'\n\
         [versioning.main]\nplugin = 'versioning.native'\nconfig = { cache_byte = 1 }\n",
    );
    let said = desk.run(&["check", "--config", path.to_str().unwrap(), "--set", "auth.main.plugin=quota.ledger"]);
    assert_eq!(said.code, Some(2));
    let place = path.display();
    assert_eq!(
        said.err,
        format!(
            "ballast: the configuration has 4 mistakes:\n  \
             lfs.treshold (in {place}): unknown key; did you mean lfs.threshold?\n  \
             storage.main.plugin (in {place}): no plugin 'storage.opendl' is known; did you mean 'storage.opendal'?\n  \
             versioning.main.config.cache_byte (in {place}): unknown key; did you mean \
             versioning.main.config.cache_bytes?\n  \
             auth.main.plugin (from --set): no plugin 'quota.ledger' is known; for auth there is auth.local\n"
        )
    );
}

#[test]
fn what_only_a_plugin_knows_is_checked_without_touching_anything() {
    let desk = Desk::new();
    let said =
        desk.run(&["check", "--set", "storage.main.plugin=storage.opendal", "--set", "storage.main.config.bucket=b"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("storage.main.config (from --set): scheme 'fs' has no option 'bucket'"), "{}", said.err);
    assert!(std::fs::read_dir(desk.path()).unwrap().next().is_none(), "something was written");
}

#[test]
fn a_bad_log_level_and_a_bad_database_are_mistakes_of_the_configuration() {
    let said = Desk::new().run(&["check", "--set", "log.level=a=b=c", "--set", "database.url=mysql://h/d"]);
    assert_eq!(said.code, Some(2));
    for part in ["log.level (from --set): expected a level such as info", "database.url (from --set): 'mysql://' is no"]
    {
        assert!(said.err.contains(part), "{}", said.err);
    }
}

#[test]
fn a_command_line_that_makes_no_sense_ends_with_code_2() {
    for arguments in [&["--bogus"][..], &["srve"], &["token", "create"], &["check", "--config", "nowhere.toml"]] {
        assert_eq!(Desk::new().run(arguments).code, Some(2), "{arguments:?}");
    }
    assert_eq!(Desk::new().run(&["--help"]).code, Some(0));
}

#[test]
fn secrets_are_neither_shown_nor_needed_to_check_and_needed_to_serve() {
    let desk = Desk::new();
    let path = desk.write(
        "hub.toml",
        "[database]\nurl = 'postgres://u:hunter2@h/d'\n[[bootstrap.users]]\nname = 'ann'\n\
         password = { env = 'NO_SUCH_VARIABLE' }\ntokens = [{ name = 't', role = 'read', value = 'hunter2hunter2' }]\n",
    );
    let path = path.to_str().unwrap();
    let checked = desk.run(&["check", "--config", path]);
    assert!(checked.err.contains("bootstrap.users[0].password (in "), "{}", checked.err);
    assert!(checked.err.contains("the environment variable NO_SUCH_VARIABLE is not set"), "{}", checked.err);
    let shown = desk.run(&["config", "show", "--config", path]);
    for said in [checked.err.clone() + &checked.done(), shown.err.clone() + &shown.done()] {
        assert!(!said.contains("hunter2"), "{said}");
    }
    let served = desk.run(&["serve", "--config", path]);
    assert_eq!(served.code, Some(2));
    assert!(served.err.contains("NO_SUCH_VARIABLE"), "{}", served.err);
}

#[test]
fn the_data_folder_comes_from_the_option_the_environment_or_here() {
    let desk = Desk::new();
    let root = |command: &mut std::process::Command| {
        let shown = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let line = shown.lines().find(|line| line.starts_with("storage.main.config.root")).unwrap().to_owned();
        line.split('"').nth(1).unwrap().to_owned()
    };
    assert_eq!(root(&mut desk.command(&["config", "show"])), "ballast-data/storage");
    assert_eq!(root(desk.command(&["config", "show"]).env("BALLAST_DATA_DIR", "/e")), "/e/storage");
    assert_eq!(root(desk.command(&["config", "show", "--data-dir", "/o"]).env("BALLAST_DATA_DIR", "/e")), "/o/storage");
}

#[test]
fn the_small_commands_print_what_they_say() {
    let desk = Desk::new();
    let plugins = desk.run(&["plugins", "list"]).done();
    for plugin in ["storage.opendal", "versioning.native", "auth.local", "quota.ledger"] {
        assert!(plugins.contains(plugin), "{plugins}");
    }
    assert!(desk.run(&["completions", "bash"]).done().contains("_ballast"));
    assert!(desk.run(&["openapi"]).done().starts_with("{\n  \"openapi\": \"3.0"));
    assert!(desk.run(&["config", "show", "--listen", "[::1]:9"]).done().contains("\"[::1]:9\""));
}
