//! Somebody between a hub and its provider who behaves as providers do on bad days.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long anything on a connection may take.
const LIMIT: Duration = Duration::from_secs(60);

/// What becomes of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It is passed on.
    Good,
    /// It is answered with this status and body.
    Answer(u16, &'static str),
    /// It is never answered.
    Silent,
    /// It is passed on, and the connection ends after this many bytes of the answer's body.
    Short(usize),
}

type Moods = Box<dyn FnMut(&str) -> Mood + Send>;

/// Passes requests on to a provider, one for each connection, each as its mood says.
pub struct Unruly {
    address: SocketAddr,
    moods: Arc<Mutex<Moods>>,
}

impl Unruly {
    /// In a good mood, before this provider. Its threads end with the program.
    pub fn before(provider: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let moods: Arc<Mutex<Moods>> = Arc::new(Mutex::new(Box::new(|_| Mood::Good)));
        let shared = Arc::clone(&moods);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let moods = Arc::clone(&shared);
                // Where one of the two goes away, so does the other.
                std::thread::spawn(move || pass(client, provider, &moods));
            }
        });
        Self { address, moods }
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Decides from here on, by the first line of each request.
    pub fn behave(&self, moods: impl FnMut(&str) -> Mood + Send + 'static) {
        *self.moods.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(moods);
    }
}

fn pass(mut client: TcpStream, provider: SocketAddr, moods: &Mutex<Moods>) -> io::Result<()> {
    client.set_read_timeout(Some(LIMIT))?;
    client.set_write_timeout(Some(LIMIT))?;
    let (head, rest) = read_head(&mut client)?;
    let line = head.lines().next().unwrap_or_default().to_owned();
    let mood = (moods.lock().unwrap_or_else(PoisonError::into_inner))(&line);
    let most = match mood {
        Mood::Good => usize::MAX,
        Mood::Short(most) => most,
        Mood::Answer(status, body) => {
            drain(&mut client, &head, rest.len())?;
            let length = body.len();
            let answer =
                format!("HTTP/1.1 {status} Mood\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
            return client.write_all(answer.as_bytes());
        }
        Mood::Silent => {
            // Until the other side has had enough.
            io::copy(&mut client, &mut io::sink())?;
            return Ok(());
        }
    };
    let mut upstream = TcpStream::connect(provider)?;
    upstream.set_read_timeout(Some(LIMIT))?;
    upstream.set_write_timeout(Some(LIMIT))?;
    let once = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    upstream.write_all(once.as_bytes())?;
    upstream.write_all(&rest)?;
    let body = {
        let (mut from, mut to) = (client.try_clone()?, upstream.try_clone()?);
        std::thread::spawn(move || io::copy(&mut from, &mut to))
    };
    let (answer, begun) = read_head(&mut upstream)?;
    client.write_all(answer.as_bytes())?;
    let begun = &begun[..begun.len().min(most)];
    client.write_all(begun)?;
    io::copy(&mut upstream.take((most - begun.len()) as u64), &mut client)?;
    client.shutdown(Shutdown::Both)?;
    drop(body.join());
    Ok(())
}

/// A head with its empty line, and what came along of the body.
fn read_head(stream: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 16 * 1024]);
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), rest));
        }
        match stream.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend(&piece[..read]),
        }
    }
}

/// Reads the rest of a body, so that whoever sends it hears the answer.
fn drain(stream: &mut TcpStream, head: &str, read: usize) -> io::Result<u64> {
    let lower = head.to_lowercase();
    let length = lower.split_once("\r\ncontent-length: ").and_then(|(_, rest)| rest.split("\r\n").next());
    let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or_default();
    io::copy(&mut stream.take((length.saturating_sub(read)) as u64), &mut io::sink())
}
