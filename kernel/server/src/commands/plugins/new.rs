//! `ballast plugins new ROLE NAME`: an example of the repository under another name.

use std::fs;
use std::path::Path;

use crate::cli::NewPlugin;
use crate::exit::Exit;
use crate::output;

/// An example, which the tests build, load and run.
struct Example {
    role: &'static str,
    /// What stands behind the dot of its id.
    name: &'static str,
    what: &'static str,
    files: &'static [(&'static str, &'static str)],
}

/// The files of an example, its manifest first.
macro_rules! files {
    ($folder:literal: $($file:literal)*) => {
        &[$(($file, include_str!(concat!("../../../../../examples/plugin/", $folder, "/", $file)))),*]
    };
}

const STORAGE: Example = Example {
    role: "storage",
    name: "folder",
    what: "keeps bytes in a folder",
    files: files!("storage-folder": "Cargo.toml" "src/lib.rs" "src/folder.rs" "src/writer.rs" "src/config.schema.json"
        "tests/conformance.rs"),
};

const QUOTA: Example = Example {
    role: "quota",
    name: "state",
    what: "counts bytes in a space that the hub lends",
    files: files!("quota-state": "Cargo.toml" "src/lib.rs" "src/books.rs" "src/keeper.rs" "src/config.schema.json"
        "tests/conformance.rs"),
};

const AUTH: Example = Example {
    role: "auth",
    name: "introspection",
    what: "asks an OAuth 2.0 server about tokens",
    files: files!("auth-introspection": "Cargo.toml" "src/lib.rs" "src/introspection.rs" "src/server.rs"
        "src/config.schema.json" "tests/conformance.rs"),
};

const DOWNLOADER: Example = Example {
    role: "downloader",
    name: "folder",
    what: "reads repositories from folders",
    files: files!("downloader-folder": "Cargo.toml" "src/lib.rs" "src/folder.rs" "src/digests.rs" "src/reading.rs"
        "src/config.schema.json" "tests/conformance.rs"),
};

const ENDPOINTS: Example = Example {
    role: "endpoints",
    name: "reports",
    what: "takes reports of repositories over HTTP",
    files: files!("endpoints-reports": "Cargo.toml" "src/lib.rs" "src/desk.rs" "src/book.rs" "src/badge.rs"
        "src/openapi.json" "src/config.schema.json" "tests/conformance.rs"),
};

/// Writes a plugin of a role into a new folder of its name.
pub fn run(role: NewPlugin, name: &str, ballast: &str) -> Result<(), Exit> {
    let example = match role {
        NewPlugin::Storage => STORAGE,
        NewPlugin::Auth => AUTH,
        NewPlugin::Quota => QUOTA,
        NewPlugin::Downloader => DOWNLOADER,
        NewPlugin::Endpoints => ENDPOINTS,
    };
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) || !name.bytes().all(good) || name.len() > 40 {
        let named = name.escape_debug();
        return Err(Exit::misuse(format!(
            "'{named}' is no name of a plugin: letters, digits and '-', from a letter on"
        )));
    }
    let folder = Path::new(name);
    fs::create_dir(folder).map_err(|error| Exit::failure(format!("{name}: {error}")))?;
    for (file, text) in example.files {
        let path = folder.join(file);
        let text = match *file {
            "Cargo.toml" => pointed_at(&example.renamed(text, name), ballast)?,
            _ => example.renamed(text, name),
        };
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        written.map_err(|error| Exit::failure(format!("{}: {error}", path.display())))?;
    }
    let Example { role, what, .. } = example;
    let library = format!("target/release/lib{role}_{}.so", name.replace('-', "_"));
    output::print(&format!(
        "wrote {name}/, a plugin that {what}. Make it yours, then:\n\
         \n    cd {name}\
         \n    cargo test\
         \n    cargo build --release\
         \n    ballast plugins inspect {library}\n\
         \nexamples/plugin/README.md in Ballast's sources is the guide.\n"
    ))
}

impl Example {
    /// One of its files, where it is called otherwise.
    fn renamed(&self, text: &str, name: &str) -> String {
        let Self { role, name: own, .. } = self;
        let snake = name.replace('-', "_");
        let text = text.replace(&format!("{role}-{own}"), &format!("{role}-{name}"));
        let text = text.replace(&format!("{role}_{own}"), &format!("{role}_{snake}"));
        text.replace(&format!("{role}.{own}"), &format!("{role}.{name}"))
    }
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
