//! What the server answers.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

/// The most lines of a page.
const MOST: usize = 1000;

pub struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    pub fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("Content-Type", "application/json".to_owned())];
        Self { status, headers, body: body.to_string().into_bytes() }
    }

    pub fn empty(status: u16) -> Self {
        Self { status, headers: vec![], body: vec![] }
    }

    pub fn bytes(body: Vec<u8>, content_type: &str, etag: &str) -> Self {
        let headers = vec![("Content-Type", content_type.to_owned()), ("ETag", format!("\"{etag}\""))];
        Self { status: 200, headers, body }
    }

    /// The same with another status.
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub fn refused(status: u16, message: &str) -> Self {
        Self::json(status, &json!({ "message": message }))
    }

    pub fn write(self, stream: &mut TcpStream, is_head: bool) -> io::Result<()> {
        let mut text = format!("HTTP/1.1 {} X\r\n", self.status);
        for (name, value) in &self.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        if self.status != 204 {
            let _ = write!(text, "Content-Length: {}\r\n", self.body.len());
        }
        let mut bytes = format!("{text}\r\n").into_bytes();
        if !is_head {
            bytes.extend(self.body);
        }
        stream.write_all(&bytes)
    }
}

/// A page of a list that comes in order: each line with the text behind which it goes on.
pub fn page(lines: impl Iterator<Item = (String, Value)>, amount: Option<&String>) -> Answer {
    // 0 asks for what is usual, and more than the most is answered with the most.
    let asked = amount.and_then(|text| text.parse::<i64>().ok()).unwrap_or(100);
    if asked < -1 {
        return Answer::refused(400, "amount is out of range");
    }
    let limit = match asked {
        -1 => MOST,
        0 => 100,
        asked => usize::try_from(asked).unwrap_or(MOST).min(MOST),
    };
    let mut lines: Vec<(String, Value)> = lines.take(limit + 1).collect();
    let has_more = lines.len() > limit;
    lines.truncate(limit);
    let next_offset = lines.last().filter(|_| has_more).map(|(at, _)| at.clone()).unwrap_or_default();
    let results: Vec<Value> = lines.into_iter().map(|(_, line)| line).collect();
    let pagination =
        json!({ "has_more": has_more, "next_offset": next_offset, "results": results.len(), "max_per_page": MOST });
    Answer::json(200, &json!({ "pagination": pagination, "results": results }))
}
