//! A connection that is kept.

use std::io::{self, Write};
use std::net::TcpStream;

use crate::http::Kept;
use crate::{Answer, Client, Request, read_answer};

/// Somebody who sends one request after the other on one connection, and makes a new one where it broke.
pub struct Session {
    pub client: Client,
    stream: Option<TcpStream>,
}

impl Session {
    /// Not connected yet.
    pub fn new(client: &Client) -> Self {
        Self { client: client.clone(), stream: None }
    }

    /// Sends a request and reads its answer. After an error nobody knows whether it was done.
    pub fn send(&mut self, request: &Request) -> io::Result<Answer> {
        let mut stream = self.connected()?;
        let Kept { bytes, head } = request.kept();
        stream.write_all(&bytes)?;
        let answer = read_answer(&mut stream, head)?;
        let closes = answer.header("connection").is_some_and(|word| word.eq_ignore_ascii_case("close"));
        self.stream = (!closes).then_some(stream);
        Ok(answer)
    }

    /// Sends a request and goes away before its answer.
    pub fn abandon(&mut self, request: &Request) -> io::Result<()> {
        let mut stream = self.connected()?;
        stream.write_all(&request.kept().bytes)
    }

    fn connected(&mut self) -> io::Result<TcpStream> {
        match self.stream.take() {
            Some(stream) => Ok(stream),
            None => self.client.try_connect(),
        }
    }
}
