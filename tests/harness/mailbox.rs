//! A mail server that keeps what it is sent, and speaks as much SMTP as that takes.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long a mail may take.
const LIMIT: Duration = Duration::from_secs(30);

/// What came.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// What the sender said after `AUTH PLAIN`.
    pub login: Option<String>,
    /// Of the envelope.
    pub from: String,
    pub to: Vec<String>,
    /// Headers and body.
    pub text: String,
}

/// The server, on a free port, as long as the test runs.
pub struct Mailbox {
    pub address: SocketAddr,
    kept: Arc<Kept>,
}

#[derive(Default)]
struct Kept {
    mails: Mutex<Vec<Received>>,
    more: Condvar,
}

impl Default for Mailbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Mailbox {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let kept = Arc::new(Kept::default());
        let keeping = Arc::clone(&kept);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&keeping);
                // One that breaks off has sent nothing.
                std::thread::spawn(move || drop(talk(stream, &kept)));
            }
        });
        Self { address, kept }
    }

    /// Everything that came, once there is so much of it.
    #[track_caller]
    pub fn mails(&self, count: usize) -> Vec<Received> {
        let mails = self.kept.mails.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.kept.more.wait_timeout_while(mails, LIMIT, |mails| mails.len() < count);
        let (mails, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "{} mails of {count}", mails.len());
        mails.clone()
    }
}

fn talk(stream: TcpStream, kept: &Kept) -> std::io::Result<()> {
    stream.set_read_timeout(Some(LIMIT))?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    let mut mail = Received::default();
    writer.write_all(b"220 mailbox.test ESMTP\r\n")?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim_end();
        let (verb, rest) = line.split_once([' ', ':']).unwrap_or((line, ""));
        let answer = match verb.to_ascii_uppercase().as_str() {
            "EHLO" => "250-mailbox.test\r\n250 AUTH PLAIN",
            "AUTH" => {
                mail.login = rest.strip_prefix("PLAIN ").map(str::to_owned);
                "235 yes"
            }
            "MAIL" => {
                mail.from = inner(rest);
                "250 yes"
            }
            "RCPT" => {
                mail.to.push(inner(rest));
                "250 yes"
            }
            "DATA" => {
                writer.write_all(b"354 go on\r\n")?;
                mail.text = text(&mut reader)?;
                let mut mails = kept.mails.lock().unwrap_or_else(PoisonError::into_inner);
                mails.push(std::mem::take(&mut mail));
                kept.more.notify_all();
                "250 kept"
            }
            "QUIT" => "221 bye",
            _ => "250 yes",
        };
        writer.write_all(format!("{answer}\r\n").as_bytes())?;
    }
}

/// The address in `FROM:<a@b>`.
fn inner(rest: &str) -> String {
    rest.split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
        .map_or_else(String::new, |(inner, _)| inner.to_owned())
}

/// Lines until the one with a dot.
fn text(reader: &mut impl BufRead) -> std::io::Result<String> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim_end() == "." {
            return Ok(text);
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}
