//! A provider that speaks S3: `s3s-fs` on a folder, which checks signatures as real ones do.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::time::Duration;

use tempfile::TempDir;

use crate::deployment::scratch;
use crate::unique;

const START_LIMIT: Duration = Duration::from_secs(30);

/// What its requests are signed with.
pub const ACCESS_KEY: &str = "ballast-test-key";
pub const SECRET_KEY: &str = "ballast-test-secret/+=";

/// The provider. Its process ends with it, and its folder too.
pub struct Provider {
    folder: TempDir,
    address: SocketAddr,
    process: Mutex<Option<Child>>,
}

/// A bucket of a provider.
#[derive(Clone)]
pub struct Bucket {
    pub provider: Arc<Provider>,
    pub name: String,
}

impl Provider {
    /// The one that the tests of one program share.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Provider>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let provider = Self::start();
            *shared = Arc::downgrade(&provider);
            provider
        })
    }

    /// One of one's own, on a free port.
    pub fn start() -> Arc<Self> {
        let folder = tempfile::Builder::new().prefix("ballast-s3-").tempdir_in(scratch()).expect("a temporary folder");
        let (process, address) = spawn(&folder, 0);
        Arc::new(Self { folder, address, process: Mutex::new(Some(process)) })
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A new bucket.
    pub fn bucket(self: &Arc<Self>) -> Bucket {
        let bucket = Bucket { provider: Arc::clone(self), name: unique("bucket") };
        std::fs::create_dir(bucket.folder()).expect("a new bucket");
        bucket
    }

    /// Ends the process; what it keeps stays.
    pub fn stop(&self) {
        if let Some(mut process) = self.process().take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Begins again where it was.
    pub fn resume(&self) {
        let mut process = self.process();
        assert!(process.is_none(), "it runs");
        *process = Some(spawn(&self.folder, self.address.port()).0);
    }

    fn process(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Bucket {
    /// Of the shared provider.
    pub fn new() -> Self {
        Provider::shared().bucket()
    }

    /// Where its objects lie, each a file.
    pub fn folder(&self) -> PathBuf {
        self.provider.folder.path().join(&self.name)
    }
}

impl Default for Bucket {
    fn default() -> Self {
        Self::new()
    }
}

fn spawn(folder: &TempDir, port: u16) -> (Child, SocketAddr) {
    let mut process = Command::new(binary())
        .args(["--host", "127.0.0.1", "--port", &port.to_string()])
        .args(["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY])
        .arg(folder.path())
        // It tells where it listens in its log, and nowhere else.
        .env("RUST_LOG", "s3s_fs=info,s3s_fs::s3=off")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("s3s-fs starts");
    let (say, said) = mpsc::channel();
    let output = process.stdout.take().expect("a pipe");
    std::thread::spawn(move || {
        // Read to the end, so that the pipe is never full.
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let address = line.split_once("server is running at http://").map(|(_, rest)| rest);
            let address = address.and_then(|rest| rest.split([',', ' ']).next()?.parse().ok());
            address.map(|address| say.send(address));
        }
    });
    match said.recv_timeout(START_LIMIT) {
        Ok(address) => (process, address),
        Err(error) => {
            let _ = process.kill();
            let _ = process.wait();
            panic!("s3s-fs did not say where it listens: {error}");
        }
    }
}

fn binary() -> PathBuf {
    let built = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/tools/bin/s3s-fs");
    assert!(built.is_file(), "{} is not there: run tests/setup/s3 first", built.display());
    built
}
