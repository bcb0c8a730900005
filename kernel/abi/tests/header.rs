//! The header for C is what the code says, and C sees the same layout. `BALLAST_BLESS=1 cargo test -p ballast-abi` writes
//! it.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use cbindgen::{Builder, Config, Language};

const NAMES: [&str; 15] = [
    "Str",
    "Buf",
    "Failure",
    "WakerTable",
    "Context",
    "Future",
    "Reader",
    "Writer",
    "LifeTable",
    "Instance",
    "Host",
    "StorageTable",
    "MessageTable",
    "Reply",
    "Streamed",
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn generated() -> String {
    let mut config = Config { language: Language::C, cpp_compat: true, ..Config::default() };
    config.include_guard = Some("BALLAST_PLUGIN_H".to_owned());
    config.no_includes = true;
    config.sys_includes = vec!["stddef.h".to_owned(), "stdint.h".to_owned()];
    config.header = Some(
        "/* The tables that Ballast and a plugin speak with each other: see kernel/abi/src/lib.rs for the rules of every\n \
         * call, and examples/plugin/README.md for how a plugin is made. Generated from there; not to be edited. */"
            .to_owned(),
    );
    config.line_length = 120;
    config.style = cbindgen::Style::Both;
    config.usize_is_size_t = true;
    config.documentation_style = cbindgen::DocumentationStyle::C99;
    config.export.include = NAMES.iter().chain(&["Declaration"]).map(|name| (*name).to_owned()).collect();
    config.export.exclude = ["SYMBOL", "SECTION", "MAGIC", "LARGEST"].map(str::to_owned).to_vec();
    let types = NAMES.iter().chain(&["Declaration"]).map(|name| ((*name).to_owned(), format!("Ballast{name}")));
    let constants = constants().into_iter().map(|name| (name.clone(), format!("BALLAST_{name}")));
    config.export.rename = types.chain(constants).collect();
    config.trailer = Some(TRAILER.trim().to_owned());
    let mut text = Vec::new();
    let sources = sources().into_iter().fold(Builder::new(), Builder::with_src);
    sources.with_config(config).generate().unwrap().write(&mut text);
    String::from_utf8(text).unwrap()
}

fn sources() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder().join("src")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The names of the constants that are numbers.
fn constants() -> Vec<String> {
    let mut names = Vec::new();
    for file in sources() {
        let text = std::fs::read_to_string(file).unwrap();
        let lines = text.lines().filter_map(|line| line.strip_prefix("pub const "));
        let numbers = lines.filter(|line| line.contains(": u32") || line.contains(": u64"));
        names.extend(numbers.filter_map(|line| line.split(':').next()).map(str::to_owned));
    }
    names
}

const TRAILER: &str = r#"
#define BALLAST_MAGIC {'B', 'A', 'L', 'L', 'A', 'S', 'T', 'P'}

/* Puts the manifest where it can be read without running the plugin, and exports the declaration:
 *
 *   static const char manifest[] BALLAST_MANIFEST = "{ … }";
 *   BALLAST_EXPORT const BallastDeclaration ballast_plugin = { … };
 */
#ifdef __APPLE__
#define BALLAST_MANIFEST __attribute__((used, section("__DATA,__ballast")))
#else
#define BALLAST_MANIFEST __attribute__((used, section(".ballast")))
#endif
#define BALLAST_EXPORT __attribute__((visibility("default")))
"#;

fn blessed(path: &Path, current: &str) {
    if std::env::var_os("BALLAST_BLESS").is_some() {
        std::fs::write(path, current).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == current, "{} is not what the code says: BALLAST_BLESS=1 cargo test -p ballast-abi", path.display());
}

#[test]
fn the_header_is_current() {
    blessed(&folder().join("include/ballast_plugin.h"), &generated());
}

#[test]
fn c_sees_the_layout_that_is_frozen() {
    let golden = std::fs::read_to_string(folder().join("tests/golden/layout.txt")).unwrap();
    let mut source = "#include \"ballast_plugin.h\"\n".to_owned();
    for line in golden.lines() {
        let (what, number) = line.rsplit_once(' ').unwrap();
        let expression = match what.split_once('.') {
            Some((table, field)) => format!("offsetof(Ballast{table}, {field})"),
            None => format!("sizeof(Ballast{what})"),
        };
        source.push_str(&format!("_Static_assert({expression} == {number}, \"{what}\");\n"));
    }
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("layout.c");
    std::fs::write(&file, source).unwrap();
    for flags in [&["-std=c11", "-Wall", "-Wextra", "-Werror"][..], &["-std=c11", "-pedantic-errors"]] {
        let mut compiler = Command::new("cc");
        compiler.args(flags).arg("-fsyntax-only").arg("-I").arg(folder().join("include")).arg(&file);
        let ended = compiler.output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
}
