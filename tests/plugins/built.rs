//! The libraries that these tests load, built as their authors build them: in workspaces of their own, all with one
//! target folder.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A command of cargo on a package of another workspace.
pub fn cargo(verb: &str, package: &Path) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.arg(verb).arg("--locked").arg("--manifest-path").arg(package.join("Cargo.toml"));
    command.env("CARGO_TARGET_DIR", root().join("target/plugins")).env("CARGO_PROFILE_DEV_DEBUG", "0");
    command.env_remove("RUSTFLAGS");
    command
}

/// Runs a command to its end; what it wrote to standard output.
pub fn run(mut command: Command) -> String {
    let ended = command.output().unwrap();
    let (output, errors) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{command:?}\n{output}\n{errors}");
    output.into_owned()
}

/// A library where only root can change it.
pub struct Library {
    place: TempDir,
    name: &'static str,
}

impl Library {
    /// A copy of a file.
    pub fn copied(from: &Path, name: &'static str) -> Self {
        let library = Self::of(&std::fs::read(from).unwrap(), name);
        std::fs::set_permissions(library.file(), std::fs::metadata(from).unwrap().permissions()).unwrap();
        library
    }

    /// These bytes.
    pub fn of(bytes: &[u8], name: &'static str) -> Self {
        let library = Self { place: tempfile::tempdir().unwrap(), name };
        std::fs::write(library.file(), bytes).unwrap();
        library
    }

    pub fn file(&self) -> PathBuf {
        self.place.path().join(self.name)
    }

    /// The lines of a configuration that load it, and wait a second for its answers.
    pub fn load(&self) -> String {
        self.load_for(1)
    }

    /// The same with as many seconds as any machine needs.
    pub fn load_patiently(&self) -> String {
        self.load_for(60)
    }

    fn load_for(&self, seconds: u32) -> String {
        let file = self.file().display().to_string();
        format!("[[plugins.load]]\nfile = {file:?}\nstart_seconds = {seconds}\nanswer_seconds = {seconds}\n")
    }
}

fn of_workspace(package: &str, name: &'static str) -> Library {
    run(cargo("build", &root().join(package)));
    Library::copied(&root().join("target/plugins/debug").join(name), name)
}

/// `examples/plugin/storage-folder`.
pub fn folder() -> &'static Library {
    static BUILT: OnceLock<Library> = OnceLock::new();
    BUILT.get_or_init(|| of_workspace("examples/plugin/storage-folder", "libstorage_folder.so"))
}

/// `tests/plugins/misbehaving`.
pub fn misbehaving() -> &'static Library {
    static BUILT: OnceLock<Library> = OnceLock::new();
    BUILT.get_or_init(|| of_workspace("tests/plugins/misbehaving", "libmisbehaving.so"))
}

/// `examples/plugin/quota-state`.
pub fn quota() -> &'static Library {
    static BUILT: OnceLock<Library> = OnceLock::new();
    BUILT.get_or_init(|| of_workspace("examples/plugin/quota-state", "libquota_state.so"))
}

/// `examples/plugin/auth-introspection`.
pub fn introspection() -> &'static Library {
    static BUILT: OnceLock<Library> = OnceLock::new();
    BUILT.get_or_init(|| of_workspace("examples/plugin/auth-introspection", "libauth_introspection.so"))
}

/// `tests/plugins/trusting`.
pub fn trusting() -> &'static Library {
    static BUILT: OnceLock<Library> = OnceLock::new();
    BUILT.get_or_init(|| of_workspace("tests/plugins/trusting", "libtrusting.so"))
}

/// `examples/plugin/endpoints-reports`.
pub fn reports() -> &'static Library {
    static BUILT: OnceLock<Library> = OnceLock::new();
    BUILT.get_or_init(|| of_workspace("examples/plugin/endpoints-reports", "libendpoints_reports.so"))
}

/// `examples/plugin/downloader-folder`.
pub fn reading() -> &'static Library {
    static BUILT: OnceLock<Library> = OnceLock::new();
    BUILT.get_or_init(|| of_workspace("examples/plugin/downloader-folder", "libdownloader_folder.so"))
}

/// `tests/plugins/answering`.
pub fn answering() -> &'static Library {
    static BUILT: OnceLock<Library> = OnceLock::new();
    BUILT.get_or_init(|| of_workspace("tests/plugins/answering", "libanswering.so"))
}

/// `examples/plugin/storage-c`.
pub fn in_c() -> &'static Library {
    static BUILT: OnceLock<Library> = OnceLock::new();
    BUILT.get_or_init(|| changed_c(&[]))
}

/// The plugin in C with other words in its source or in the header.
pub fn changed_c(changes: &[(&str, &str)]) -> Library {
    let place = tempfile::tempdir().unwrap();
    let sources =
        [root().join("kernel/abi/include/ballast_plugin.h"), root().join("examples/plugin/storage-c/plugin.c")];
    for source in &sources {
        let mut text = std::fs::read_to_string(source).unwrap();
        for (from, to) in changes {
            text = text.replace(from, to);
        }
        std::fs::write(place.path().join(source.file_name().unwrap()), text).unwrap();
    }
    let library = Library { place: tempfile::tempdir().unwrap(), name: "libstorage_c.so" };
    let mut compiler = Command::new("cc");
    compiler.args(["-std=c11", "-O2", "-shared", "-fPIC", "-fvisibility=hidden"]);
    // What was changed may well leave something unused.
    compiler.args(if changes.is_empty() { &["-Wall", "-Wextra", "-Werror"][..] } else { &["-w"] });
    compiler.arg(place.path().join("plugin.c")).arg("-o").arg(library.file()).arg("-lpthread");
    run(compiler);
    library
}
