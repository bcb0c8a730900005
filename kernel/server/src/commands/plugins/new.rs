//! `ballast plugins new storage NAME`: the example of the repository under another name.

use std::fs;
use std::path::Path;

use crate::exit::Exit;
use crate::output;

/// The files of the example, which the tests build, load and run.
const STORAGE: [(&str, &str); 6] = [
    ("Cargo.toml", include_str!("../../../../../examples/plugin/storage-folder/Cargo.toml")),
    ("src/lib.rs", include_str!("../../../../../examples/plugin/storage-folder/src/lib.rs")),
    ("src/folder.rs", include_str!("../../../../../examples/plugin/storage-folder/src/folder.rs")),
    ("src/writer.rs", include_str!("../../../../../examples/plugin/storage-folder/src/writer.rs")),
    ("src/config.schema.json", include_str!("../../../../../examples/plugin/storage-folder/src/config.schema.json")),
    ("tests/conformance.rs", include_str!("../../../../../examples/plugin/storage-folder/tests/conformance.rs")),
];

/// Writes a storage plugin into a new folder of its name.
pub fn storage(name: &str, ballast: &str) -> Result<(), Exit> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) || !name.bytes().all(good) || name.len() > 40 {
        let named = name.escape_debug();
        return Err(Exit::misuse(format!(
            "'{named}' is no name of a plugin: letters, digits and '-', from a letter on"
        )));
    }
    let folder = Path::new(name);
    fs::create_dir(folder).map_err(|error| Exit::failure(format!("{name}: {error}")))?;
    for (file, text) in STORAGE {
        let path = folder.join(file);
        let written =
            path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, renamed(text, name)));
        written.map_err(|error| Exit::failure(format!("{}: {error}", path.display())))?;
    }
    let manifest = folder.join("Cargo.toml");
    let pointed = pointed_at(&renamed(STORAGE[0].1, name), ballast)?;
    fs::write(&manifest, pointed).map_err(|error| Exit::failure(format!("{}: {error}", manifest.display())))?;
    let library = format!("target/release/libstorage_{}.so", name.replace('-', "_"));
    output::print(&format!(
        "wrote {name}/, a plugin that keeps bytes in a folder. Make it yours, then:\n\
         \n    cd {name}\
         \n    cargo test\
         \n    cargo build --release\
         \n    ballast plugins inspect {library}\n\
         \nexamples/plugin/README.md in Ballast's sources is the guide.\n"
    ))
}

/// The example, called otherwise.
fn renamed(text: &str, name: &str) -> String {
    let snake = name.replace('-', "_");
    let text = text.replace("storage-folder", &format!("storage-{name}"));
    text.replace("storage_folder", &format!("storage_{snake}")).replace("storage.folder", &format!("storage.{name}"))
}

/// The manifest with its dependencies on Ballast where they are.
fn pointed_at(manifest: &str, ballast: &str) -> Result<String, Exit> {
    if ballast.contains("://") {
        let git = |room: &str| format!("path = \"../../../kernel/{room}\"");
        let by = format!("git = {ballast:?}");
        return Ok(manifest.replace(&git("sdk"), &by).replace(&git("testkit"), &by));
    }
    let sources = fs::canonicalize(ballast).map_err(|error| Exit::failure(format!("{ballast}: {error}")))?;
    if !sources.join("kernel/sdk").is_dir() {
        return Err(Exit::misuse(format!("{ballast} has no kernel/sdk; --ballast is the folder of Ballast's sources")));
    }
    Ok(manifest.replace("\"../../../kernel/", &format!("\"{}/kernel/", sources.display())))
}
