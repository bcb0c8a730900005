//! Somebody of the world to whom the hub sends messages.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

/// How long a message may take to come.
const LIMIT: Duration = Duration::from_secs(30);

/// A message that came.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// The first line and the headers, in lower case.
    pub head: String,
    pub body: String,
}

impl Delivered {
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| *known == name).map(|(_, value)| value).next()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in: {}", self.body))
    }
}

struct Inbox {
    received: Mutex<Vec<Delivered>>,
    came: Condvar,
    status: AtomicU16,
    answer: Box<dyn Fn(&Delivered) -> String + Send + Sync>,
}

/// Takes messages, answering each with the same status.
pub struct Receiver {
    address: SocketAddr,
    inbox: Arc<Inbox>,
}

impl Receiver {
    /// On a free port of this machine. Its thread ends with the program.
    pub fn start() -> Self {
        Self::answering(|_| String::new())
    }

    /// The same where every answer has this body.
    pub fn answering(answer: impl Fn(&Delivered) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let inbox = Arc::new(Inbox {
            received: Mutex::default(),
            came: Condvar::new(),
            status: AtomicU16::new(200),
            answer: Box::new(answer),
        });
        let shared = Arc::clone(&inbox);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let _ = shared.take(stream);
            }
        });
        Self { address, inbox }
    }

    /// `http://127.0.0.1:PORT/hook`
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// What it answers from here on.
    pub fn answer_with(&self, status: u16) {
        self.inbox.status.store(status, Ordering::SeqCst);
    }

    /// All messages so far, once there are so many.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Delivered> {
        let received = self.inbox.received.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.inbox.came.wait_timeout_while(received, LIMIT, |received| received.len() < count);
        let (received, _) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(received.len() >= count, "{} of {count} messages came: {received:#?}", received.len());
        received.clone()
    }
}

impl Inbox {
    fn take(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(LIMIT))?;
        let mut reader = BufReader::new(&stream);
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            if line.trim().is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").unwrap_or((&line, ""));
            let name = name.to_lowercase();
            if name == "content-length" {
                length = value.trim().parse().unwrap_or(0);
            }
            head.push_str(&format!("{name}: {value}"));
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let (head, body) = (head.replace('\r', ""), String::from_utf8_lossy(&body).into_owned());
        let delivered = Delivered { head, body };
        let (status, said) = (self.status.load(Ordering::SeqCst), (self.answer)(&delivered));
        let length = said.len();
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{said}");
        (&stream).write_all(answer.as_bytes())?;
        self.received.lock().unwrap_or_else(PoisonError::into_inner).push(delivered);
        self.came.notify_all();
        Ok(())
    }
}
