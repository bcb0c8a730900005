//! A PostgreSQL server of a test's own, which goes away and comes back.

use std::fs::{OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::deployment::scratch;

/// The server. It ends with this, and its folder too.
pub struct PostgresServer {
    folder: TempDir,
    url: String,
}

impl PostgresServer {
    /// None where the tests have no PostgreSQL; that is said.
    pub fn start() -> Option<Self> {
        if std::env::var_os("BALLAST_TEST_POSTGRES").is_none() {
            eprintln!("not tested on PostgreSQL: BALLAST_TEST_POSTGRES is not set (tests/run sets it)");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("ballast-pg-").tempdir_in(scratch()).expect("a temporary folder");
        // PostgreSQL runs as somebody else where the tests run as root.
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o711)).expect("a folder of one's own");
        let url = run("start", &place(&folder));
        let server = Self { folder, url };
        // What it has acknowledged is to outlive it: that its disk forgets nothing is the system's affair here.
        let settings = place(&server.folder).join("data/postgresql.conf");
        let mut settings = OpenOptions::new().append(true).open(settings).expect("the server's settings");
        writeln!(settings, "synchronous_commit = on").expect("the server's settings");
        server.halt();
        server.resume();
        Some(server)
    }

    /// The URL of a database on it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends it as a crash would; what it keeps stays.
    pub fn halt(&self) {
        run("halt", &place(&self.folder));
    }

    /// Begins again where it was.
    pub fn resume(&self) {
        run("resume", &place(&self.folder));
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        let _ = command("stop", &place(&self.folder)).status();
    }
}

fn place(folder: &TempDir) -> PathBuf {
    folder.path().join("postgres")
}

fn command(action: &str, place: &Path) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("setup/postgres"));
    command.arg(action).arg(place).stdin(Stdio::null()).stderr(Stdio::inherit());
    command
}

/// What the script prints. The server inherits its output, so that is a file and no pipe, which would never end.
fn run(action: &str, place: &Path) -> String {
    let said = tempfile::NamedTempFile::new().expect("a temporary file");
    let output = said.reopen().expect("a temporary file");
    let status = command(action, place).stdout(output).status().expect("tests/setup/postgres");
    assert!(status.success(), "tests/setup/postgres {action} {} failed", place.display());
    std::fs::read_to_string(said.path()).expect("what the script said").trim().to_owned()
}
