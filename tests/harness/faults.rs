//! A disk and a power switch for a hub: a library preloaded under it (`tests/preload/faults.c`).

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::{Deployment, Platters};

/// The fields of `struct control`, by their offset.
#[derive(Clone, Copy)]
enum Field {
    Armed = 0,
    Steps = 8,
    Last = 16,
    Moment = 24,
    Room = 32,
    WriteError = 40,
    SyncError = 48,
    Pretended = 56,
    Clock = 64,
}

const CONTROL_BYTES: u64 = 72;

/// When in a step the hub ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Before = 0,
    /// Half of what is to be written is written.
    Within = 1,
    After = 2,
}

impl Moment {
    pub const ALL: [Self; 3] = [Self::Before, Self::Within, Self::After];
}

/// What the system says of a disk that does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskError {
    /// EIO
    Broken = 5,
    /// EROFS
    ReadOnly = 30,
}

/// What syncs may be pretended for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synced {
    /// Names in folders.
    Folders = 1,
    /// What lies in storage.
    Bytes = 2,
    /// The files of the database.
    Rows = 4,
}

/// The test's hand on the disk and the switch of the hubs that run [`under`](Self::under) it.
pub struct Faults {
    folder: TempDir,
    control: File,
}

impl Default for Faults {
    fn default() -> Self {
        Self::new()
    }
}

impl Faults {
    /// A disk that works, and a switch that is not armed.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("ballast-faults-").tempdir_in(crate::deployment::scratch());
        let folder = folder.expect("a temporary folder");
        let path = folder.path().join("control");
        let control = OpenOptions::new().read(true).write(true).create_new(true).open(path).expect("a control file");
        control.set_len(CONTROL_BYTES).expect("a control file");
        let faults = Self { folder, control };
        faults.set(Field::Room, -1);
        faults
    }

    /// The same deployment, on this disk.
    pub fn under(&self, deployment: &Deployment) -> Deployment {
        let text = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
        deployment
            .clone()
            .environment("LD_PRELOAD", &text(library()))
            .environment("BALLAST_FAULTS_CONTROL", &text(&self.folder.path().join("control")))
            .environment("BALLAST_FAULTS_ROOT", &text(&deployment.folder()))
    }

    /// The same deployment, on this disk, whose platters are kept.
    pub fn under_with_platters(&self, deployment: &Deployment) -> (Deployment, Platters) {
        let platters = Platters::new(&self.folder.path().join("platters"), &deployment.folder());
        let folder = platters.folder().to_str().expect("a path in UTF-8").to_owned();
        (self.under(deployment).environment("BALLAST_FAULTS_PLATTERS", &folder), platters)
    }

    /// Counts steps from here on, and ends the hub in this one.
    pub fn arm(&self, last: u64, moment: Moment) {
        self.set(Field::Armed, 0);
        self.set(Field::Steps, 0);
        self.set(Field::Moment, moment as i64);
        self.set(Field::Last, i64::try_from(last).expect("a step"));
        self.set(Field::Armed, 1);
    }

    /// Counts steps from here on, and ends nothing.
    pub fn count(&self) {
        self.arm(0, Moment::Before);
    }

    /// Ends the counting; how many steps there were.
    pub fn disarm(&self) -> u64 {
        self.set(Field::Armed, 0);
        let mut bytes = [0; 8];
        self.control.read_exact_at(&mut bytes, Field::Steps as u64).expect("the control file");
        u64::from_ne_bytes(bytes)
    }

    /// The disk has room for so many bytes; none: for all there are.
    pub fn leave_room(&self, bytes: Option<u64>) {
        self.set(Field::Room, bytes.map_or(-1, |bytes| i64::try_from(bytes).expect("a size")));
    }

    /// Whatever would change the disk fails.
    pub fn fail_writes(&self, error: Option<DiskError>) {
        self.set(Field::WriteError, error.map_or(0, |error| error as i64));
    }

    /// Whatever syncs fails.
    pub fn fail_syncs(&self, error: Option<DiskError>) {
        self.set(Field::SyncError, error.map_or(0, |error| error as i64));
    }

    /// Syncs of this kind answer that they are done, and are not.
    pub fn pretend(&self, synced: Synced) {
        self.set(Field::Pretended, synced as i64);
    }

    /// Puts the hub's clock ahead.
    pub fn advance(&self, hours: u32) {
        self.set(Field::Clock, i64::from(hours) * 3600);
    }

    fn set(&self, field: Field, value: i64) {
        self.control.write_all_at(&value.to_ne_bytes(), field as u64).expect("the control file");
    }
}

/// The library, compiled once for each program of tests.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("preload/faults.c");
        let test = std::env::current_exe().expect("the path of this test");
        let target = test.with_extension("faults.so");
        let mut cc = Command::new("cc");
        cc.args(["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]).arg(&target).arg(&source);
        let compiled = cc.args(["-ldl", "-lpthread"]).output().expect("a C compiler");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        target
    })
}
