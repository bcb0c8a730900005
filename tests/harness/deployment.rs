//! A data folder with its settings, in which hubs run one after the other.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

use crate::bucket::{ACCESS_KEY, Bucket, SECRET_KEY};
use crate::{Hub, LAKEFS_KEY, LAKEFS_SECRET, LakeServer, Outcome};

/// Where a hub keeps its data and what it is told; removed with the last of its clones.
#[derive(Clone)]
pub struct Deployment {
    folder: Arc<TempDir>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    /// Where the bytes lie, if not in the folder.
    bucket: Option<Bucket>,
}

impl Default for Deployment {
    fn default() -> Self {
        Self::new()
    }
}

impl Deployment {
    /// An empty folder and the default settings; with `BALLAST_TEST_PRESIGN` in the environment (`on`, `downloads` or
    /// `off`), over a bucket of its own, with `BALLAST_TEST_VERSIONING=lakefs` on lakeFS, and otherwise the same.
    pub fn new() -> Self {
        let deployment = match std::env::var("BALLAST_TEST_PRESIGN") {
            Ok(presign) => Self::in_folder().over(&Bucket::new(), &presign),
            Err(_) => Self::in_folder(),
        };
        match std::env::var("BALLAST_TEST_VERSIONING") {
            Ok(engine) if engine == "lakefs" => deployment.versioned_by(&LakeServer::shared()),
            Ok(engine) => panic!("BALLAST_TEST_VERSIONING={engine}: the tests know lakefs, and the default without it"),
            Err(_) => deployment,
        }
    }

    /// The same with its commits in a lakeFS server, and nothing else changed.
    pub fn versioned_by(self, server: &LakeServer) -> Self {
        let deployment = self.environment("BALLAST_VERSIONING__MAIN__PLUGIN", "versioning.lakefs");
        let settings = [
            ("ENDPOINT", server.endpoint().as_str()),
            ("ACCESS_KEY_ID", LAKEFS_KEY),
            ("SECRET_ACCESS_KEY", LAKEFS_SECRET),
        ]
        .map(|(key, value)| (format!("BALLAST_VERSIONING__MAIN__CONFIG__{key}"), value.to_owned()));
        settings.iter().fold(deployment, |all, (key, value)| all.environment(key, value))
    }

    fn in_folder() -> Self {
        let folder = tempfile::Builder::new().prefix("ballast-api-").tempdir_in(scratch()).expect("a temporary folder");
        Self { folder: Arc::new(folder), arguments: vec![], environment: vec![], bucket: None }
    }

    /// The same with its bytes in a bucket, and nothing else changed. `presign` is `on`, `downloads` or `off`.
    pub fn over(self, bucket: &Bucket, presign: &str) -> Self {
        let deployment = Self { bucket: Some(bucket.clone()), ..self };
        let settings = [
            ("SCHEME", "s3"),
            ("ENDPOINT", &bucket.provider.endpoint()),
            ("BUCKET", &bucket.name),
            ("ROOT", "hub"),
            ("ACCESS_KEY_ID", ACCESS_KEY),
            ("SECRET_ACCESS_KEY", SECRET_KEY),
            ("PRESIGN", presign),
        ];
        let plugin = deployment.environment("BALLAST_STORAGE__MAIN__PLUGIN", "storage.opendal");
        settings
            .iter()
            .fold(plugin, |all, (key, value)| all.environment(&format!("BALLAST_STORAGE__MAIN__CONFIG__{key}"), value))
    }

    /// The same with one key set, as `--set key=value`.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.arguments.extend(["--set".to_owned(), format!("{key}={value}")]);
        self
    }

    /// The same with a configuration file of this text; a second one takes the place of the first.
    pub fn config(mut self, text: &str) -> Self {
        let path = self.folder.path().join("ballast.toml");
        std::fs::write(&path, text).expect("a configuration file");
        let path = path.display().to_string();
        if !self.arguments.contains(&path) {
            self.arguments.extend(["--config".to_owned(), path]);
        }
        self
    }

    /// The same with a variable in the environment.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The folder above the hub's, which is there before the hub is.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// The folder that the hub calls its own.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Where the bytes lie, each object a file.
    pub fn storage(&self) -> PathBuf {
        match &self.bucket {
            Some(bucket) => bucket.folder().join("hub"),
            None => self.data().join("storage"),
        }
    }

    /// A hub on a free port. Panics with its log where it does not come up.
    pub fn start(&self) -> Hub {
        Hub::start(self)
    }

    /// The same, or the log of a hub that ended before it listened.
    pub fn try_start(&self) -> Result<Hub, String> {
        Hub::try_start(self)
    }

    /// Runs `ballast` on this data folder to its end.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Outcome {
        Outcome::of(self.command(arguments), "")
    }

    /// The same with something on standard input.
    pub fn run_with<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>, input: &str) -> Outcome {
        Outcome::of(self.command(arguments), input)
    }

    /// Begins `ballast` on this data folder, silent; whoever asked for it ends it.
    pub fn spawn<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("the program starts")
    }

    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(program());
        command.args(arguments).arg("--data-dir").arg(self.data()).args(&self.arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.folder.path());
        command
    }
}

/// Where temporary folders are made: in memory where there is such a place, because hubs ask for many durable writes, and
/// none has to survive the machine.
pub(crate) fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

/// The program under test: `BALLAST_BIN`, or what cargo built beside this test.
pub fn program() -> PathBuf {
    if let Some(named) = std::env::var_os("BALLAST_BIN") {
        return named.into();
    }
    let test = std::env::current_exe().expect("the path of this test");
    let built = test.parent().and_then(Path::parent).map(|profile| profile.join("ballast")).unwrap_or_default();
    assert!(built.is_file(), "{} is not there: run `cargo build` first", built.display());
    built
}
