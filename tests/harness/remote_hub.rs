//! A remote hub that speaks as huggingface.co does, as far as a downloader asks, and misbehaves where it is told to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use crate::{encoded, sha256};

/// How long anything on a connection may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The commit that every revision means.
pub const REMOTE_COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What becomes of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It is answered.
    Good,
    /// It is answered with this status, and with this header where there is one.
    Status(u16, Option<(&'static str, String)>),
    /// The body ends after so many bytes, and so does the connection.
    Drops(usize),
    /// Nothing comes after so many bytes of the body.
    Stalls(usize),
    /// The whole file is sent, whatever part was asked for.
    IgnoresRange,
    /// The body is so many bytes longer than it should be, and says so.
    TooMuch(usize),
    /// The body says that it is shorter than it should be, by so many bytes, and is.
    TooLittle(usize),
    /// A byte of the body is another one.
    OtherBytes,
    /// The file has another ETag than it was listed with.
    OtherEtag,
    /// Another part comes than was asked for.
    OtherPart,
    /// It leads elsewhere.
    LeadsTo(String),
    /// The body is this text, and nothing else.
    Text(String),
}

/// A request, as far as manners depend on it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// With its query.
    pub target: String,
    pub range: Option<String>,
    pub authorization: Option<String>,
}

type Manners = Box<dyn FnMut(&Asked) -> Manner + Send>;

struct State {
    /// By repository (`models/acme/bert`, or `models/bert`), then by path.
    repositories: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    /// What some are called now that have another name besides.
    renamed: BTreeMap<String, String>,
    manners: Manners,
    asked: Vec<Asked>,
    sent: u64,
}

/// The hub. Its threads end with the program.
#[derive(Clone)]
pub struct RemoteHub {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl RemoteHub {
    /// Without repositories, and with good manners.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = State {
            repositories: BTreeMap::new(),
            renamed: BTreeMap::new(),
            manners: Box::new(|_| Manner::Good),
            asked: vec![],
            sent: 0,
        };
        let remote = Self { address, state: Arc::new(Mutex::new(state)) };
        let shared = remote.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let remote = shared.clone();
                // Whoever asked may have gone away.
                std::thread::spawn(move || remote.answer(stream));
            }
        });
        remote
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Puts a repository there (`models/acme/bert`); files that end in `.bin` are large files.
    pub fn put(&self, repository: &str, files: &[(&str, Vec<u8>)]) {
        let files = files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.clone())).collect();
        self.state().repositories.insert(repository.to_owned(), files);
    }

    /// What is asked of a name (`models/bert`) leads to the repository of another one from here on.
    pub fn rename(&self, from: &str, to: &str) {
        self.state().renamed.insert(from.to_owned(), to.to_owned());
    }

    /// Decides from here on.
    pub fn behave(&self, manners: impl FnMut(&Asked) -> Manner + Send + 'static) {
        self.state().manners = Box::new(manners);
    }

    /// What was asked since the last time.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state().asked)
    }

    /// Bytes of files that were sent so far.
    pub fn sent(&self) -> u64 {
        self.state().sent
    }

    fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        let head = read_head(&mut stream)?;
        let asked = asked_of(&head);
        let manner = {
            let mut state = self.state();
            state.asked.push(asked.clone());
            (state.manners)(&asked)
        };
        let (status, mut headers, mut body) = match &manner {
            Manner::Status(status, header) => {
                let headers = header.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
                (*status, headers.collect(), vec![])
            }
            Manner::LeadsTo(url) => (302, vec![("Location".to_owned(), url.clone())], vec![]),
            Manner::Text(text) => (200, vec![], text.clone().into_bytes()),
            manner => self.found(&asked, manner),
        };
        let whole = body.len();
        let announced = match manner {
            Manner::TooMuch(more) => {
                body.extend(vec![b'x'; more]);
                whole + more
            }
            Manner::TooLittle(less) if whole > less => {
                body.truncate(whole - less);
                whole - less
            }
            _ => whole,
        };
        if manner == Manner::OtherBytes && !body.is_empty() {
            body[0] ^= 1;
        }
        headers.push(("Content-Length".to_owned(), announced.to_string()));
        let mut text = format!("HTTP/1.1 {status} X\r\nConnection: close\r\n");
        for (name, value) in headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        stream.write_all(format!("{text}\r\n").as_bytes())?;
        let most = match manner {
            Manner::Drops(most) | Manner::Stalls(most) => body.len().min(most),
            _ => body.len(),
        };
        for piece in body[..most].chunks(64 * 1024) {
            stream.write_all(piece)?;
            if asked.target.contains("/resolve/") {
                self.state().sent += piece.len() as u64;
            }
        }
        if matches!(manner, Manner::Stalls(_)) && most < body.len() {
            // Until the other side has had enough.
            io::copy(&mut stream, &mut io::sink())?;
        }
        Ok(())
    }

    fn found(&self, asked: &Asked, manner: &Manner) -> (u16, Vec<(String, String)>, Vec<u8>) {
        let absent = || (404, vec![("X-Error-Code".to_owned(), "RepoNotFound".to_owned())], vec![]);
        let state = self.state();
        let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
        if let Some((repository, rest)) = path.strip_prefix("/api/").and_then(|path| state.split(path)) {
            if let Some(to) = state.renamed.get(repository) {
                return leading(format!("/api/{to}/{rest}"), query);
            }
            let Some(files) = state.repositories.get(repository) else { return absent() };
            return match rest {
                _ if rest.starts_with("revision/") => (200, vec![], about(repository).to_string().into()),
                "auth-check" => (200, vec![], b"{}".to_vec()),
                _ if rest.starts_with("commits/") => (200, vec![], json!([commit()]).to_string().into()),
                _ if rest.starts_with("tree/") => self.page(files, path, query),
                "refs" => (200, vec![], json!({ "branches": [], "tags": [], "converts": [] }).to_string().into()),
                _ => absent(),
            };
        }
        let path = path.trim_start_matches('/');
        let typed = if path.starts_with("datasets/") { path.to_owned() } else { format!("models/{path}") };
        let Some((repository, rest)) = state.split(&typed) else { return absent() };
        if let Some(to) = state.renamed.get(repository) {
            return leading(format!("/{}/{rest}", to.trim_start_matches("models/")), query);
        }
        let name = rest.strip_prefix(&format!("resolve/{REMOTE_COMMIT}/"));
        let file =
            name.and_then(|name| state.repositories.get(repository)?.iter().find(|(known, _)| encoded(known) == name));
        let Some((name, bytes)) = file else { return absent() };
        let etag =
            if *manner == Manner::OtherEtag { "f".repeat(digest(name, bytes).len()) } else { digest(name, bytes) };
        let mut headers =
            vec![("ETag".to_owned(), format!("\"{etag}\"")), ("X-Repo-Commit".to_owned(), REMOTE_COMMIT.to_owned())];
        let range = asked.range.as_deref().filter(|_| *manner != Manner::IgnoresRange).and_then(range_of);
        let Some((first, last)) = range else { return (200, headers, bytes.clone()) };
        let last = last.min(bytes.len().saturating_sub(1));
        let shift = usize::from(*manner == Manner::OtherPart);
        headers.push(("Content-Range".to_owned(), format!("bytes {}-{last}/{}", first + shift, bytes.len())));
        (206, headers, bytes[first + shift..=last].to_vec())
    }

    /// A hundred files a page.
    fn page(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        path: &str,
        query: &str,
    ) -> (u16, Vec<(String, String)>, Vec<u8>) {
        const PAGE: usize = 100;
        let from: usize = query.split('&').find_map(|part| part.strip_prefix("cursor=")?.parse().ok()).unwrap_or(0);
        let lines: Vec<Value> = files.iter().skip(from).take(PAGE).map(|(name, bytes)| line(name, bytes)).collect();
        let mut headers = vec![];
        if from + PAGE < files.len() {
            let next = format!("<{}{path}?recursive=true&cursor={}>; rel=\"next\"", self.endpoint(), from + PAGE);
            headers.push(("Link".to_owned(), next));
        }
        (200, headers, Value::from(lines).to_string().into())
    }
}

impl State {
    /// `models/acme/bert/rest` → (`models/acme/bert`, `rest`); and `models/bert/rest` where there is such a name.
    fn split<'a>(&self, path: &'a str) -> Option<(&'a str, &'a str)> {
        let cut = |segments: usize| {
            let end = path.match_indices('/').nth(segments)?.0;
            Some((&path[..end], &path[end + 1..]))
        };
        let is_name =
            |(name, _): &(&str, &str)| self.repositories.contains_key(*name) || self.renamed.contains_key(*name);
        cut(1).filter(is_name).or_else(|| cut(2))
    }
}

fn leading(path: String, query: &str) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let location = if query.is_empty() { path } else { format!("{path}?{query}") };
    (307, vec![("Location".to_owned(), location)], vec![])
}

/// What the hub says of every repository: it is for everybody, and under a licence.
fn about(repository: &str) -> Value {
    let id = repository.split_once('/').map_or(repository, |(_, id)| id);
    json!({
        "id": id,
        "sha": REMOTE_COMMIT, "private": false, "gated": false, "disabled": false, "downloads": 7, "likes": 3,
        "createdAt": "2024-04-01T12:00:00.000Z", "lastModified": "2024-05-01T12:00:00.000Z",
        "tags": ["license:mit"], "cardData": { "license": "mit" }, "pipeline_tag": "text-generation",
    })
}

/// The one commit, as a history tells of it.
fn commit() -> Value {
    let authors = [json!({ "user": "ada" })];
    json!({ "id": REMOTE_COMMIT, "title": "All of it", "message": "", "date": "2024-05-01T12:00:00.000Z", "authors": authors })
}

/// The digest that stands for a file: of a large one the SHA-256, of another git's id.
fn digest(name: &str, bytes: &[u8]) -> String {
    if name.ends_with(".bin") {
        return sha256(bytes);
    }
    let mut hasher = Sha1::new();
    hasher.update(format!("blob {}\0", bytes.len()));
    hasher.update(bytes);
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn line(name: &str, bytes: &[u8]) -> Value {
    let mut line = json!({ "type": "file", "path": name, "size": bytes.len(), "oid": digest(name, bytes) });
    if name.ends_with(".bin") {
        line["oid"] = json!("a".repeat(40));
        line["lfs"] = json!({ "oid": digest(name, bytes), "size": bytes.len(), "pointerSize": 130 });
    }
    line
}

fn range_of(text: &str) -> Option<(usize, usize)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().unwrap_or(usize::MAX)))
}

fn asked_of(head: &str) -> Asked {
    let header = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
    };
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    Asked { target, range: header("range"), authorization: header("authorization") }
}

fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let (mut bytes, mut byte) = (Vec::new(), [0; 1]);
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
