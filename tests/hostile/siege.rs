//! A hub under attack, somebody who works with it meanwhile, and what it all costs.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ballast_tests::{Client, Deployment, Hub, Repository, lines, read_answer};

/// How long anything may take that should happen soon.
pub const SOON: Duration = Duration::from_secs(30);

/// Whether the long forms are asked for.
pub fn all() -> bool {
    std::env::var_os("BALLAST_TEST_ALL").is_some_and(|value| value == "1")
}

/// A hub whose patience is short: a second for headers, two for anything that stands still.
pub fn impatient() -> Deployment {
    Deployment::new().set("server.header_seconds", "1").set("server.idle_seconds", "2")
}

/// Does something hostile to a hub. Panics unless meanwhile and afterwards everything that somebody else asked was
/// answered, the hub's memory stayed below so many MiB, it answered nobody with a 5xx, and it ends as it should.
#[track_caller]
pub fn besieged<T>(deployment: Deployment, mebibytes: u64, attack: impl FnOnce(&Hub) -> T) -> T {
    let hub = deployment.start();
    let bystander = Bystander::beside(&hub);
    let outcome = attack(&hub);
    let served = bystander.satisfied();
    let peak = Memory::of(&hub).peak >> 20;
    assert!(peak < mebibytes, "the hub took {peak} MiB; {mebibytes} are allowed");
    assert!(served >= ENOUGH, "nobody else was served");
    let log = hub.log();
    let faults: Vec<&str> = log.lines().filter(|line| line.contains("status=5") || line.contains("panicked")).collect();
    assert!(faults.is_empty(), "{}", faults[..faults.len().min(5)].join("\n"));
    hub.stop();
    outcome
}

/// Somebody who reads and writes all the time, on connections that are kept and on new ones.
struct Bystander {
    stop: Sender<()>,
    thread: JoinHandle<usize>,
}

/// Between two questions: somebody else has the rest of the two cores.
const PAUSE: Duration = Duration::from_millis(5);

/// How often they must have been served for that to mean something.
const ENOUGH: usize = 10;

impl Bystander {
    fn beside(hub: &Hub) -> Self {
        let repository = hub.model();
        repository.add("read.txt", "what was there before");
        let (stop, stopped) = channel();
        Self { stop, thread: std::thread::spawn(move || Self::work(&repository, &stopped)) }
    }

    fn work(repository: &Repository, stopped: &Receiver<()>) -> usize {
        let mut kept = None;
        let (mut count, mut over) = (0, false);
        // Some of it comes after the attack, if that was a short one.
        while !over || count < ENOUGH {
            over |= stopped.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout);
            let begun = Instant::now();
            assert_eq!(repository.read("read.txt"), b"what was there before");
            // A connection that is kept may be ended between two requests; then the client makes a new one.
            kept = Self::asked(repository, kept.take()).or_else(|| Self::asked(repository, None));
            assert!(kept.is_some(), "no answer on a new connection");
            if count % 20 == 0 {
                repository.commit(&[lines::file("written.txt", count.to_string())]).expect(200);
            }
            assert!(begun.elapsed() < SOON, "somebody else waited {:?} for an answer", begun.elapsed());
            count += 1;
        }
        count
    }

    /// Asks something on a connection that is kept, or on a new one; the connection, where it was answered.
    fn asked(repository: &Repository, kept: Option<TcpStream>) -> Option<TcpStream> {
        let mut stream = kept.unwrap_or_else(|| repository.client.connect());
        let request = format!("GET {} HTTP/1.1\r\nHost: hub\r\n\r\n", repository.api(""));
        stream.write_all(request.as_bytes()).ok()?;
        let answer = read_answer(&mut stream, false).ok()?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        Some(stream)
    }

    /// How often they were served.
    #[track_caller]
    fn satisfied(self) -> usize {
        let _ = self.stop.send(());
        self.thread.join().expect("somebody else was not served")
    }
}

/// What a process holds, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub now: u64,
    pub peak: u64,
}

impl Memory {
    pub fn of(hub: &Hub) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{}/status", hub.process_id())).expect("a running hub");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the field");
            line.trim_end_matches("kB").trim().parse::<u64>().expect("a number") << 10
        };
        Self { now: field("VmRSS:"), peak: field("VmHWM:") }
    }
}

/// How many connections a hub has, its listener and its databases' among them.
pub fn sockets(hub: &Hub) -> usize {
    let folder = std::fs::read_dir(format!("/proc/{}/fd", hub.process_id())).expect("a running hub");
    let links = folder.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

/// Waits for something that should be so soon.
#[track_caller]
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < SOON, "{what}: not within {SOON:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Writes until the hub ends the connection or `bytes` have gone; what it answered, and how much it took.
pub fn pour(stream: &mut TcpStream, piece: &[u8], bytes: usize) -> (Vec<u8>, usize) {
    stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut sent = 0;
    while sent < bytes {
        match stream.write(piece) {
            Ok(count) => sent += count,
            Err(_) => break,
        }
    }
    (answer_of(stream), sent)
}

/// Whatever comes until the connection ends.
pub fn answer_of(stream: &mut TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(SOON)).unwrap();
    let (mut answer, mut piece) = (vec![], [0; 16384]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return answer,
            Ok(count) => answer.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!(
                    "the hub neither answered nor ended the connection; so far: {}",
                    String::from_utf8_lossy(&answer)
                )
            }
            Err(_) => return answer,
        }
    }
}

/// The statuses of all answers in what came over one connection.
pub fn statuses(answer: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answer);
    text.match_indices("HTTP/1.1 ").filter_map(|(at, word)| text[at + word.len()..].get(..3)?.parse().ok()).collect()
}

/// Panics unless what came is nothing, or answers of 4xx.
#[track_caller]
pub fn refused_or_closed(what: &str, answer: &[u8]) {
    let statuses = statuses(answer);
    let text = String::from_utf8_lossy(&answer[..answer.len().min(300)]).into_owned();
    assert!(answer.is_empty() || !statuses.is_empty(), "{what}: {text}");
    assert!(statuses.iter().all(|status| (400..500).contains(status)), "{what}: {statuses:?} {text}");
}

/// A request as it is on the wire, up to its body.
pub fn head_of(client: &Client, method: &str, target: &str, headers: &str) -> Vec<u8> {
    let request = client.request(method, target);
    let head = String::from_utf8(request.head_with("X-Framing: here")).expect("text");
    head.replace("X-Framing: here\r\n", headers).into_bytes()
}
