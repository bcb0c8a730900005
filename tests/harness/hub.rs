//! A running hub.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Client, Deployment, Repository, unique};

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(40);

/// The process of a hub. It is ended without ceremony when this goes out of scope; see [`stop`](Self::stop) otherwise.
pub struct Hub {
    pub deployment: Deployment,
    pub address: SocketAddr,
    process: Child,
    log: Log,
    readers: Vec<JoinHandle<()>>,
}

type Log = Arc<Mutex<String>>;

impl Hub {
    /// The hub that the tests of one program share, with the default settings. It ends with the last test that holds
    /// it, and begins anew for a later one.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Hub>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let hub = Arc::new(Deployment::new().start());
            *shared = Arc::downgrade(&hub);
            hub
        })
    }

    pub(crate) fn start(deployment: &Deployment) -> Self {
        Self::try_start(deployment).unwrap_or_else(|log| panic!("the hub did not say where it listens:\n{log}"))
    }

    pub(crate) fn try_start(deployment: &Deployment) -> Result<Self, String> {
        let mut command = deployment.command(["serve", "--listen", "127.0.0.1:0"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("the hub starts");
        let log = Log::default();
        let (say, said) = mpsc::channel();
        let output = process.stdout.take().expect("a pipe");
        let errors = process.stderr.take().expect("a pipe");
        let readers = vec![read(output, &log, Some(say)), read(errors, &log, None)];
        let Ok(address) = said.recv_timeout(START_LIMIT) else {
            let _ = process.kill();
            let _ = process.wait();
            readers.into_iter().for_each(|reader| drop(reader.join()));
            return Err(text(&log));
        };
        Ok(Self { deployment: deployment.clone(), address, process, log, readers })
    }

    /// Whatever the hub has printed so far.
    pub fn log(&self) -> String {
        text(&self.log)
    }

    /// The token that the first start wrote.
    pub fn admin_token(&self) -> String {
        let path = self.deployment.data().join("admin-token");
        std::fs::read_to_string(path).expect("a token of the administrator").trim().to_owned()
    }

    /// The administrator.
    pub fn admin(&self) -> Client {
        self.client().with_token(&self.admin_token())
    }

    /// Nobody.
    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// A new user with a token of this role, made on the command line beside the running hub.
    pub fn user(&self, role: &str) -> (String, Client) {
        let name = unique("user");
        self.deployment.run(["user", "create", &name]).ok();
        let client = self.client().with_token(&self.token(&name, role));
        (name, client)
    }

    /// A new token of a user.
    pub fn token(&self, user: &str, role: &str) -> String {
        let printed = self.deployment.run(["token", "create", user, "--role", role]).ok();
        let token = printed.split_whitespace().find(|word| word.starts_with("hf_"));
        token.unwrap_or_else(|| panic!("no token in: {printed}")).to_owned()
    }

    /// A new public model of the administrator.
    pub fn model(&self) -> Repository {
        Repository::create(&self.admin(), "admin", false)
    }

    /// A new private model of the administrator.
    pub fn private_model(&self) -> Repository {
        Repository::create(&self.admin(), "admin", true)
    }

    /// A bare connection.
    pub fn connect(&self) -> TcpStream {
        self.client().connect()
    }

    /// The process, for whoever asks the system what it holds.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Asks the hub to end.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("a running hub");
    }

    /// Asks the hub to end and waits until it has. Panics unless it ends by itself, in time and without a complaint.
    pub fn stop(self) -> Duration {
        let begun = Instant::now();
        self.terminate();
        self.wait();
        begun.elapsed()
    }

    /// Waits for a hub that was asked to end.
    pub fn wait(mut self) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.process.try_wait().expect("a child") {
                break status;
            }
            assert!(begun.elapsed() < STOP_LIMIT, "the hub did not end on SIGTERM:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        };
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader");
        }
        assert!(status.success(), "the hub ended with {status}:\n{}", self.log());
    }

    /// Ends the hub as a power cut would.
    pub fn kill(mut self) {
        self.process.kill().expect("a running hub");
        self.process.wait().expect("a child");
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn text(log: &Log) -> String {
    log.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Keeps what a pipe brings, and tells where the hub listens.
fn read(pipe: impl Read + Send + 'static, log: &Log, say: Option<mpsc::Sender<SocketAddr>>) -> JoinHandle<()> {
    let log = Arc::clone(log);
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let address = line.strip_prefix("listening on http://").and_then(|address| address.trim().parse().ok());
            if let (Some(say), Some(address)) = (&say, address) {
                let _ = say.send(address);
            }
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&line);
            log.push('\n');
        }
    })
}
