//! HTTP/1.1 as it is on the wire: what a test writes is what is sent, and what comes back is not interpreted.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::unique;

/// The smallest PNG: one red pixel.
pub const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde\0\0\0\x0cIDATx\x9cc\xf8\xcf\xc0\0\0\x03\x01\x01\0\xc9\xfe\x92\xef\0\0\0\0IEND\xaeB`\x82";

/// How long anything on a connection may take.
const LIMIT: Duration = Duration::from_secs(40);

/// Somebody who talks to a hub.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    authorization: Option<String>,
}

impl Client {
    /// Nobody.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, authorization: None }
    }

    /// The bearer of a token.
    pub fn with_token(&self, token: &str) -> Self {
        self.with_authorization(&format!("Bearer {token}"))
    }

    /// Whoever this header makes of them.
    pub fn with_authorization(&self, header: &str) -> Self {
        Self { authorization: Some(header.to_owned()), ..*self }
    }

    /// The same address without a credential.
    pub fn anonymous(&self) -> Self {
        Self::new(self.address)
    }

    /// `http://…` without a slash at its end.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What stands behind the hub's address in one of its links.
    #[track_caller]
    pub fn target<'a>(&self, link: &'a str) -> &'a str {
        link.strip_prefix(&self.base()).unwrap_or_else(|| panic!("{link} is no link into {}", self.base()))
    }

    /// Whom a link asks for what: somebody without a credential, at the hub or wherever else it leads.
    #[track_caller]
    pub fn at(link: &str) -> (Self, &str) {
        let rest = link.strip_prefix("http://").unwrap_or_else(|| panic!("{link} is no link"));
        let (host, _) = rest.split_once('/').unwrap_or((rest, ""));
        let address = host.parse().unwrap_or_else(|error| panic!("{link}: {error}"));
        (Self::new(address), &rest[host.len()..])
    }

    pub fn connect(&self) -> TcpStream {
        self.try_connect().expect("a connection to the hub")
    }

    /// The same where the hub may be gone.
    pub fn try_connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    pub fn request(&self, method: &str, target: impl AsRef<[u8]>) -> Request {
        let request = Request {
            client: self.clone(),
            method: method.to_owned(),
            target: target.as_ref().to_vec(),
            host: None,
            headers: vec![],
            body: vec![],
        };
        match &self.authorization {
            Some(value) => request.header("Authorization", value),
            None => request,
        }
    }

    pub fn get(&self, target: impl AsRef<[u8]>) -> Request {
        self.request("GET", target)
    }

    pub fn head(&self, target: impl AsRef<[u8]>) -> Request {
        self.request("HEAD", target)
    }

    /// The same under another name of the host.
    pub fn get_as(&self, host: &str, target: impl AsRef<[u8]>) -> Request {
        Request { host: Some(host.to_owned()), ..self.get(target) }
    }

    pub fn put_as(&self, host: &str, target: impl AsRef<[u8]>) -> Request {
        Request { host: Some(host.to_owned()), ..self.put(target) }
    }

    pub fn post(&self, target: impl AsRef<[u8]>) -> Request {
        self.request("POST", target)
    }

    pub fn put(&self, target: impl AsRef<[u8]>) -> Request {
        self.request("PUT", target)
    }

    pub fn delete(&self, target: impl AsRef<[u8]>) -> Request {
        self.request("DELETE", target)
    }
}

/// One request.
#[derive(Clone)]
pub struct Request {
    client: Client,
    method: String,
    target: Vec<u8>,
    /// If not the address.
    host: Option<String>,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub fn body(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.body = bytes.as_ref().to_vec();
        self
    }

    pub fn json(self, value: &Value) -> Self {
        self.header("Content-Type", "application/json").body(value.to_string())
    }

    /// One document per line.
    pub fn lines(self, lines: &[Value]) -> Self {
        let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        self.header("Content-Type", "application/x-ndjson").body(text)
    }

    pub fn form(self, text: &str) -> Self {
        self.header("Content-Type", "application/x-www-form-urlencoded").body(text)
    }

    /// A multipart form with one file.
    pub fn file(self, field: &str, bytes: &[u8]) -> Self {
        let mark = unique("mark");
        let head = format!(
            "--{mark}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\n"
        );
        let body = [head.as_bytes(), bytes, format!("\r\n--{mark}--\r\n").as_bytes()].concat();
        self.header("Content-Type", format!("multipart/form-data; boundary={mark}")).body(body)
    }

    /// The request's first line and headers, for a body of `length` bytes that may or may not follow.
    pub fn head_for(&self, length: usize) -> Vec<u8> {
        self.head_with(&format!("Content-Length: {length}"))
    }

    /// The same with this in the place of the length.
    pub fn head_with(&self, framing: &str) -> Vec<u8> {
        self.head_lines(&format!("Connection: close\r\n{framing}"))
    }

    /// The first line and headers of a request for a WebSocket, with the key of RFC 6455's example.
    pub(crate) fn upgrade_head(&self) -> Vec<u8> {
        let lines = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
        self.head_lines(lines)
    }

    /// The whole request, for a connection that stays.
    pub(crate) fn kept(&self) -> Kept {
        let mut bytes = self.head_lines(&format!("Content-Length: {}", self.body.len()));
        bytes.extend(&self.body);
        Kept { bytes, head: self.method == "HEAD" }
    }

    fn head_lines(&self, lines: &str) -> Vec<u8> {
        let mut head = [self.method.as_bytes(), b" ", &self.target, b" HTTP/1.1\r\n"].concat();
        let host = self.host.clone().unwrap_or_else(|| self.client.address.to_string());
        head.extend(format!("Host: {host}\r\n{lines}\r\n").into_bytes());
        for (name, value) in &self.headers {
            head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        head.extend(b"\r\n");
        head
    }

    fn asked(&self) -> String {
        let text = format!("{} {}", self.method, String::from_utf8_lossy(&self.target));
        text.chars().take(300).collect()
    }

    /// Sends it on a connection of its own and reads the answer.
    #[track_caller]
    pub fn send(self) -> Answer {
        let mut stream = self.client.connect();
        // A refusal may come before the body is through; then it is the answer that counts.
        let sent = stream.write_all(&self.head_for(self.body.len())).and_then(|()| stream.write_all(&self.body));
        match read_answer(&mut stream, self.method == "HEAD") {
            Ok(answer) => Answer { asked: self.asked(), ..answer },
            Err(error) => panic!("{}: no answer: {error} (sent: {sent:?})", self.asked()),
        }
    }
}

/// A request as it is sent over a connection that stays.
pub(crate) struct Kept {
    pub bytes: Vec<u8>,
    /// Whether its answer has no body.
    pub head: bool,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was asked, for whoever reads why a test failed.
    pub asked: String,
    pub status: u16,
    /// As they came, with lower-case names.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{}: {error} in: {}", self.asked, self.text()))
    }

    /// Panics unless it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.asked, self.text());
        // A provider's answer to a signed request is no answer of the hub.
        let named = self.header("x-request-id").is_some_and(|id| !id.is_empty());
        assert!(named || self.asked.contains("?X-Amz-Algorithm="), "an answer without a request id");
        self
    }

    /// The body of a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        self.expect(200).json()
    }

    /// Panics unless this is a refusal of this status and code, in the form that all refusals have; its sentence.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> String {
        let said = (self.status, self.header("x-error-code").unwrap_or_default());
        assert_eq!(said, (status, code), "{}: {}", self.asked, self.text());
        assert!(self.header("x-request-id").is_some_and(|id| !id.is_empty()), "a refusal without a request id");
        let line = self.header("x-error-message").expect("X-Error-Message").to_owned();
        if self.body.is_empty() {
            return line;
        }
        // git shows its user text.
        if self.header("content-type").is_some_and(|media| media.starts_with("text/plain")) {
            return self.text().trim_end().to_owned();
        }
        let body = self.json();
        // git-lfs wants `message`; everybody else `error`.
        let sentence = body["error"].as_str().or(body["message"].as_str()).unwrap_or_default().to_owned();
        assert!(!sentence.is_empty(), "a refusal without a sentence: {body}");
        sentence
    }

    /// The address in a `Link` header that leads to the next page.
    pub fn next(&self) -> Option<&str> {
        let link = self.header("link")?.strip_prefix('<')?;
        link.split_once('>').filter(|(_, rest)| rest.contains("rel=\"next\"")).map(|(url, _)| url)
    }
}

fn broken(what: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned())
}

/// Reads one answer; of a HEAD there is no body to wait for.
pub fn read_answer(stream: &mut TcpStream, head: bool) -> std::io::Result<Answer> {
    let mut reader = BufReader::new(stream);
    let line = |reader: &mut BufReader<_>| {
        let mut line = vec![];
        reader.read_until(b'\n', &mut line)?;
        String::from_utf8(line).map(|line| line.trim_end().to_owned()).map_err(|_| broken("a header is not UTF-8"))
    };
    let first = line(&mut reader)?;
    let status = first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let status: u16 = status.ok_or_else(|| broken(&format!("'{first}' is no status line")))?;
    let mut answer = Answer { asked: String::new(), status, headers: vec![], body: vec![] };
    loop {
        let header = line(&mut reader)?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').ok_or_else(|| broken(&format!("'{header}' is no header")))?;
        answer.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    if head || matches!(status, 204 | 304) {
        return Ok(answer);
    }
    let length = answer.header("content-length").map(str::parse);
    if answer.header("transfer-encoding").is_some() {
        loop {
            let size = line(&mut reader)?;
            let size = usize::from_str_radix(&size, 16).map_err(|_| broken(&format!("'{size}' is no chunk size")))?;
            let begin = answer.body.len();
            answer.body.resize(begin + size, 0);
            reader.read_exact(&mut answer.body[begin..])?;
            line(&mut reader)?;
            if size == 0 {
                return Ok(answer);
            }
        }
    }
    match length {
        Some(length) => {
            answer.body.resize(length.map_err(|_| broken("a length that is no number"))?, 0);
            reader.read_exact(&mut answer.body)?;
        }
        None => drop(reader.read_to_end(&mut answer.body)?),
    }
    Ok(answer)
}

/// Percent-encodes everything but the unreserved characters and the slash.
pub fn encoded(path: &str) -> String {
    path.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => text.push(byte.into()),
            _ => write!(text, "%{byte:02X}").expect("memory"),
        }
        text
    })
}
