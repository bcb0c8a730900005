//! HTTP/2, which a hub speaks to whoever begins with its preface: floods of its frames, written by hand.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use ballast_tests::{Deployment, Hub};

use crate::siege::{Memory, SOON, besieged, impatient, sockets, wait_until};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header whose name is one of HPACK's own, with a value as it stands.
fn literal(index: u8, value: &str) -> Vec<u8> {
    [&[index, value.len() as u8], value.as_bytes()].concat()
}

const METHOD_GET: u8 = 0x82;
const METHOD_POST: u8 = 0x83;
const SCHEME_HTTP: u8 = 0x86;
const AUTHORITY: u8 = 1;
const PATH: u8 = 4;

fn request(method: u8, path: &str) -> Vec<u8> {
    [&[method, SCHEME_HTTP][..], &literal(PATH, path), &literal(AUTHORITY, "hub")].concat()
}

fn begin(hub: &Hub, settings: &[(u16, u32)]) -> TcpStream {
    let mut stream = hub.connect();
    let settings = settings.iter().flat_map(|(key, value)| [&key.to_be_bytes()[..], &value.to_be_bytes()].concat());
    let settings: Vec<u8> = settings.collect();
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &settings)].concat()).unwrap();
    stream
}

/// Kind, flags, stream and payload of the next frame; none where the connection ended.
fn next(stream: &mut TcpStream) -> Option<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload).ok()?;
    Some((head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
}

/// Writes what a function makes of each number until the hub ends the connection; how many it took, at most `most`.
fn flood(stream: &mut TcpStream, most: u32, frames: impl Fn(u32) -> Vec<u8>) -> u32 {
    // Somebody has to read what it answers, or it stops reading.
    let mut answers = stream.try_clone().unwrap();
    let reader = std::thread::spawn(move || while next(&mut answers).is_some() {});
    let mut taken = 0;
    while taken < most {
        let batch: Vec<u8> = (taken..taken + 100).flat_map(&frames).collect();
        if stream.write_all(&batch).is_err() {
            break;
        }
        taken += 100;
    }
    let _ = stream.shutdown(std::net::Shutdown::Both);
    reader.join().unwrap();
    taken
}

fn stream_of(number: u32) -> u32 {
    number * 2 + 1
}

#[test]
fn a_request_over_http_2_is_answered() {
    besieged(Deployment::new(), 256, |hub| {
        let mut stream = begin(hub, &[]);
        stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &request(METHOD_GET, "/health"))).unwrap();
        let answer = std::iter::from_fn(|| next(&mut stream)).find(|(kind, ..)| *kind == HEADERS).expect("an answer");
        assert_eq!((answer.2, answer.3[0]), (1, 0x88), "not a 200");
        let mut body = std::iter::from_fn(|| next(&mut stream)).filter(|(kind, ..)| *kind == DATA);
        assert!(String::from_utf8_lossy(&body.next().expect("a body").3).contains("status"));
    });
}

#[test]
fn requests_that_are_taken_back_at_once_end_the_connection() {
    besieged(Deployment::new(), 256, |hub| {
        let taken = flood(&mut begin(hub, &[]), 200_000, |number| {
            let head = frame(HEADERS, END_HEADERS | END_STREAM, stream_of(number), &request(METHOD_GET, "/api/models"));
            [head, frame(RST_STREAM, 0, stream_of(number), &8u32.to_be_bytes())].concat()
        });
        assert!(taken < 200_000, "all {taken} of them were taken");
    });
}

#[test]
fn streams_beyond_the_limit_are_not_opened() {
    besieged(impatient(), 256, |hub| {
        let before = Memory::of(hub).now;
        let mut stream = begin(hub, &[]);
        for number in 0..5_000 {
            let head = frame(HEADERS, END_HEADERS, stream_of(number), &request(METHOD_POST, "/api/repos/create"));
            if stream.write_all(&head).is_err() {
                break;
            }
        }
        let frames: Vec<_> = std::iter::from_fn(|| next(&mut stream)).collect();
        let refused = frames.iter().filter(|(kind, ..)| matches!(*kind, RST_STREAM | GOAWAY)).count();
        assert!(refused > 0, "none of 5,000 streams was refused");
        let more = Memory::of(hub).now.saturating_sub(before) >> 20;
        assert!(more < 64, "{more} MiB for one connection");
    });
}

#[test]
fn headers_that_are_continued_without_end_are_refused() {
    besieged(Deployment::new(), 256, |hub| {
        // Headers that grow by 16 KiB a frame, by a few bytes, and not at all.
        let long = [&[0x40, 1, b'x', 0x7e][..], &[b'y'; 126]].concat().repeat(125);
        for piece in [long, literal(0x40, "x"), vec![]] {
            let mut stream = begin(hub, &[]);
            let head = request(METHOD_GET, "/health");
            stream.write_all(&frame(HEADERS, END_STREAM, 1, &head)).unwrap();
            let taken = flood(&mut stream, 100_000, |_| frame(CONTINUATION, 0, 1, &piece));
            assert!(taken < 100_000, "all {taken} frames were taken");
        }
    });
}

#[test]
fn pings_settings_and_empty_frames_without_end_cost_no_memory() {
    besieged(Deployment::new(), 256, |hub| {
        for (kind, payload, stream_number) in [
            (PING, &[7; 8][..], 0),
            (SETTINGS, &[][..], 0),
            (SETTINGS, &[0, 4, 0, 0, 0xff, 0xff][..], 0),
            (DATA, &[][..], 1),
            (WINDOW_UPDATE, &1u32.to_be_bytes()[..], 0),
            (0xf0, &[1; 100][..], 0),
        ] {
            let mut stream = begin(hub, &[]);
            stream.write_all(&frame(HEADERS, END_HEADERS, 1, &request(METHOD_POST, "/api/validate-yaml"))).unwrap();
            let before = Memory::of(hub).now;
            flood(&mut stream, 200_000, |_| frame(kind, 0, stream_number, payload));
            let more = Memory::of(hub).now.saturating_sub(before) >> 20;
            assert!(more < 48, "{more} MiB for frames of kind {kind}");
        }
    });
}

#[test]
fn answers_that_are_not_read_are_not_written() {
    besieged(Deployment::new(), 256, |hub| {
        let mut stream = begin(hub, &[]);
        stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
        let before = Memory::of(hub).now;
        let pings = frame(PING, 0, 0, &[7; 8]).repeat(4096);
        let mut sent = 0;
        while sent < 256 << 20 {
            match stream.write(&pings) {
                Ok(count) => sent += count,
                Err(error) => {
                    assert!(!matches!(error.kind(), ErrorKind::Interrupted));
                    break;
                }
            }
        }
        let more = Memory::of(hub).now.saturating_sub(before) >> 20;
        assert!(more < 48, "{more} MiB for answers that nobody reads, after {sent} bytes of pings");
    });
}

#[test]
fn windows_that_stay_shut_hold_little_and_not_for_ever() {
    besieged(impatient().set("server.idle_seconds", "3"), 320, |hub| {
        let repository = hub.model();
        repository.add_large("large.bin", &vec![b'w'; 8 << 20]);
        let (before, idle) = (Memory::of(hub).now, sockets(hub));
        // No answer may send a byte: SETTINGS_INITIAL_WINDOW_SIZE is 0.
        let shut: Vec<TcpStream> = (0..4)
            .map(|_| {
                let mut stream = begin(hub, &[(4, 0)]);
                for number in 0..50 {
                    let head = request(METHOD_GET, &repository.resolve("large.bin"));
                    stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, stream_of(number), &head)).unwrap();
                }
                stream
            })
            .collect();
        wait_until("connections whose windows stay shut are ended", || sockets(hub) <= idle + 2);
        let more = Memory::of(hub).peak.saturating_sub(before) >> 20;
        assert!(more < 400, "{more} MiB for 200 answers that may not be sent");
        drop(shut);
    });
}

#[test]
fn a_connection_that_says_it_speaks_http_2_and_then_nothing_is_ended() {
    besieged(impatient(), 256, |hub| {
        let idle = sockets(hub);
        let silent: Vec<TcpStream> = (0..50)
            .map(|number| match number % 2 {
                0 => begin(hub, &[]),
                _ => {
                    let mut stream = hub.connect();
                    stream.write_all(&PREFACE[..number % PREFACE.len()]).unwrap();
                    stream
                }
            })
            .collect();
        wait_until("they are ended", || sockets(hub) <= idle + 2);
        for mut stream in silent {
            stream.set_read_timeout(Some(SOON)).unwrap();
            while next(&mut stream).is_some() {}
        }
    });
}
