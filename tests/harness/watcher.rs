//! Somebody who watches over a WebSocket, frame by frame (RFC 6455).

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::{Answer, Client, Request, read_answer};

/// A connection that brings news.
pub struct Watcher(TcpStream);

impl Watcher {
    /// Opens a WebSocket, or answers why there is none.
    pub fn open(client: &Client, target: &str, headers: &[(&str, &str)]) -> Result<Self, Box<Answer>> {
        let request =
            headers.iter().fold(client.get(target), |request: Request, (name, value)| request.header(name, value));
        let mut stream = client.connect();
        stream.write_all(&request.upgrade_head()).expect("a connection");
        let mut head = Vec::new();
        let mut peeked = [0; 12];
        let length = stream.peek(&mut peeked).expect("an answer");
        if &peeked[..length] != b"HTTP/1.1 101" {
            return Err(Box::new(read_answer(&mut stream, false).expect("an answer")));
        }
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0; 1];
            stream.read_exact(&mut byte).expect("a head");
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).to_lowercase();
        // What the RFC's own key comes to.
        assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
        Ok(Self(stream))
    }

    /// The next document; none where the other side has closed.
    pub fn hear(&mut self) -> Option<Value> {
        loop {
            let mut head = [0; 2];
            self.0.read_exact(&mut head).ok()?;
            let length = match head[1] {
                126 => {
                    let mut more = [0; 2];
                    self.0.read_exact(&mut more).ok()?;
                    usize::from(u16::from_be_bytes(more))
                }
                127 => {
                    let mut more = [0; 8];
                    self.0.read_exact(&mut more).ok()?;
                    u64::from_be_bytes(more) as usize
                }
                short => usize::from(short),
            };
            let mut body = vec![0; length];
            self.0.read_exact(&mut body).ok()?;
            match head[0] {
                0x81 => return Some(serde_json::from_slice(&body).expect("one JSON document a frame")),
                0x88 => return None,
                _ => {}
            }
        }
    }

    /// Sends a text of so many bytes, masked with nothing.
    pub fn send(&mut self, length: usize) {
        let mut frame = vec![0x81, 0xff];
        frame.extend((length as u64).to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(vec![b'x'; length]);
        // The other side may close before all of it is through.
        let _ = self.0.write_all(&frame);
    }
}
