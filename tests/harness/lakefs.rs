//! A lakeFS server that speaks its documented API, as far as somebody who keeps versions there asks, and fails where it
//! is told to.
//!
//! What makes lakeFS hard to use is here as it is there: a branch has one staging area for all who write to it, a read of
//! a branch sees what nobody has committed, a commit seals whatever is staged, commit and merge take no expected head, a
//! storage namespace is never used twice, names are fewer than git's, pages have at most a thousand lines, and objects
//! are staged one by one. It was written from the server's description (v1.84) and has never met a real server;
//! `lakefs-sdk` of PyPI drives it in `tests/clients`.

mod answers;
mod routes;
mod store;

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use base64::Engine as _;

use answers::Answer;
use store::Store;

/// How long anything on a connection may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The key that the server takes.
pub const LAKEFS_KEY: &str = "AKIAIOSFOLQUICKSTART";
pub const LAKEFS_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LakeFault {
    /// It is answered.
    None,
    /// Nothing is done, and this status is the answer.
    Status(u16),
    /// Nothing is done, and the connection ends.
    Unheard,
    /// It is done, and the connection ends without an answer.
    Unanswered,
}

/// A request, as far as faults depend on it.
#[derive(Clone, Debug)]
pub struct LakeAsked {
    pub method: String,
    /// Without `/api/v1` and the query, as it was sent.
    pub path: String,
}

type Faults = Box<dyn FnMut(&LakeAsked) -> LakeFault + Send>;

/// A request that was read.
struct Request {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// The server. Its threads end with the program.
#[derive(Clone)]
pub struct LakeServer {
    pub address: SocketAddr,
    store: Arc<Mutex<Store>>,
    faults: Arc<Mutex<Faults>>,
}

impl LakeServer {
    /// The one that the hubs of one program share.
    pub fn shared() -> Self {
        static SHARED: OnceLock<LakeServer> = OnceLock::new();
        SHARED.get_or_init(Self::start).clone()
    }

    /// Without repositories, on a free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let faults: Faults = Box::new(|_| LakeFault::None);
        let server = Self { address, store: Arc::default(), faults: Arc::new(Mutex::new(faults)) };
        let shared = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let server = shared.clone();
                // Whoever asked may have gone away.
                std::thread::spawn(move || server.converse(stream));
            }
        });
        server
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Decides from here on.
    pub fn behave(&self, faults: impl FnMut(&LakeAsked) -> LakeFault + Send + 'static) {
        *lock(&self.faults) = Box::new(faults);
    }

    /// The names of its repositories.
    pub fn repositories(&self) -> Vec<String> {
        lock(&self.store).repositories.keys().cloned().collect()
    }

    /// The branches of a repository, each with its commit; hidden ones too.
    pub fn branches(&self, repository: &str) -> BTreeMap<String, String> {
        let store = lock(&self.store);
        let branches = store.repositories.get(repository).into_iter().flat_map(|repository| &repository.branches);
        branches.map(|(name, branch)| (name.clone(), branch.commit.clone())).collect()
    }

    /// The tags of a repository, each with its commit.
    pub fn tags(&self, repository: &str) -> BTreeMap<String, String> {
        lock(&self.store).repositories.get(repository).map(|repository| repository.tags.clone()).unwrap_or_default()
    }

    /// The metadata of a commit.
    pub fn metadata(&self, repository: &str, commit: &str) -> BTreeMap<String, String> {
        let store = lock(&self.store);
        let found = store.repositories.get(repository).and_then(|repository| repository.commits.get(commit));
        found.map(|commit| commit.metadata.clone()).unwrap_or_default()
    }

    /// The metadata of an object of a commit.
    pub fn object(&self, repository: &str, commit: &str, key: &str) -> Option<BTreeMap<String, String>> {
        let store = lock(&self.store);
        let commit = store.repositories.get(repository)?.commits.get(commit)?;
        commit.objects.get(key).map(|object| object.metadata.clone())
    }

    /// Changes bytes that the server keeps, or takes them away, behind its back.
    pub fn damage(&self, repository: &str, commit: &str, key: &str, bytes: Option<&[u8]>) {
        let mut store = lock(&self.store);
        let repository = store.repositories.get_mut(repository).expect("a repository");
        let commit = repository.commits.get_mut(commit).expect("a commit");
        let mut objects = (*commit.objects).clone();
        let mut object = (*objects[key]).clone();
        object.bytes = bytes.map(|bytes| Arc::new(bytes.to_vec()));
        objects.insert(key.to_owned(), Arc::new(object));
        commit.objects = Arc::new(objects);
    }

    /// The bytes of an object that the server keeps.
    pub fn bytes(&self, repository: &str, commit: &str, key: &str) -> Option<Vec<u8>> {
        let store = lock(&self.store);
        let object = store.repositories.get(repository)?.commits.get(commit)?.objects.get(key)?;
        object.bytes.as_ref().map(|bytes| bytes.to_vec())
    }

    /// Takes an object out of a commit, behind the server's back.
    pub fn remove(&self, repository: &str, commit: &str, key: &str) {
        let mut store = lock(&self.store);
        let repository = store.repositories.get_mut(repository).expect("a repository");
        let commit = repository.commits.get_mut(commit).expect("a commit");
        let mut objects = (*commit.objects).clone();
        objects.remove(key).expect("an object");
        commit.objects = Arc::new(objects);
    }

    /// The ids of all commits of a repository.
    pub fn commits(&self, repository: &str) -> Vec<String> {
        lock(&self.store).repositories[repository].commits.keys().cloned().collect()
    }

    /// Stages an empty object on a branch, as somebody does who uses lakeFS by hand.
    pub fn stage(&self, repository: &str, branch: &str, key: &str) {
        let mut store = lock(&self.store);
        let repository = store.repositories.get_mut(repository).expect("a repository");
        let branch = repository.branches.get_mut(branch).expect("a branch");
        branch.staged.insert(key.to_owned(), Some(Arc::new(store::Object::empty())));
    }

    /// What is staged on a branch.
    pub fn staged(&self, repository: &str, branch: &str) -> Vec<String> {
        lock(&self.store).repositories[repository].branches[branch].staged.keys().cloned().collect()
    }

    /// Makes a hidden branch where another one is.
    pub fn branch(&self, repository: &str, name: &str, source: &str) {
        let mut store = lock(&self.store);
        let repository = store.repositories.get_mut(repository).expect("a repository");
        let commit = repository.branches[source].commit.clone();
        let branch = store::Branch { commit, staged: BTreeMap::new(), hidden: true };
        repository.branches.insert(name.to_owned(), branch);
    }

    fn converse(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        stream.set_nodelay(true)?;
        let mut writer = stream.try_clone()?;
        let mut reader = BufReader::new(stream);
        while let Some(request) = read(&mut reader, &mut writer)? {
            let path = request.path.strip_prefix("/api/v1").unwrap_or(&request.path).to_owned();
            let fault = (lock(&self.faults))(&LakeAsked { method: request.method.clone(), path });
            let answer = match fault {
                LakeFault::Unheard => return Ok(()),
                LakeFault::Status(status) => Answer::refused(status, "as the test wants it"),
                LakeFault::None | LakeFault::Unanswered => self.answer(&request),
            };
            if fault == LakeFault::Unanswered {
                return Ok(());
            }
            answer.write(&mut writer, request.method == "HEAD")?;
        }
        Ok(())
    }

    fn answer(&self, request: &Request) -> Answer {
        let wanted = base64::engine::general_purpose::STANDARD.encode(format!("{LAKEFS_KEY}:{LAKEFS_SECRET}"));
        let sent = request.headers.get("authorization").and_then(|value| value.strip_prefix("Basic "));
        let is_open = matches!(request.path.as_str(), "/_health" | "/api/v1/healthcheck");
        if !is_open && sent != Some(wanted.as_str()) {
            return Answer::refused(401, "error authenticating request");
        }
        routes::answer(&mut lock(&self.store), request)
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The next request of a connection; none where it has ended.
fn read(reader: &mut BufReader<TcpStream>, writer: &mut TcpStream) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) => drop(headers.insert(name.to_ascii_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    if headers.get("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let length = headers.get("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (unescaped(name), unescaped(value))
    };
    let query = query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect();
    Ok(Some(Request { method, path: path.to_owned(), query, headers, body }))
}

/// `%2F` → `/`, `+` → a space.
fn unescaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut plain, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let digits = text.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (bytes[at], digits) {
            (b'%', Some(byte)) => {
                plain.push(byte);
                at += 2;
            }
            (b'+', _) => plain.push(b' '),
            (byte, _) => plain.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&plain).into_owned()
}
