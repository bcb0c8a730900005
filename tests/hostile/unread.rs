//! Downloads that somebody asks for and does not read.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ballast_tests::{Deployment, Hub, Repository};

use crate::siege::{Memory, SOON, all, besieged, impatient, sockets, wait_until};

/// A file that no buffers between a hub and a client hold.
const LARGE: usize = 24 << 20;

fn with_a_large_file(hub: &Hub) -> Repository {
    let repository = hub.model();
    repository.add_large("large.bin", &vec![b'l'; LARGE]);
    repository
}

/// So many connections on which the large file has begun to come.
fn unread(hub: &Hub, repository: &Repository, count: usize) -> Vec<TcpStream> {
    let request = repository.client.get(repository.resolve("large.bin")).head_for(0);
    let begun = |_| {
        let mut stream = hub.connect();
        stream.write_all(&request).unwrap();
        stream
    };
    let streams: Vec<TcpStream> = (0..count).map(begun).collect();
    for stream in &streams {
        stream.set_read_timeout(Some(SOON)).unwrap();
        assert_eq!(stream.peek(&mut [0; 1]).unwrap(), 1, "an answer that does not begin");
    }
    streams
}

/// The shortest of three times that the large file takes to be read.
fn time_to_read(repository: &Repository) -> Duration {
    let read = |_| {
        let begun = Instant::now();
        assert!(repository.read("large.bin").len() == LARGE);
        begun.elapsed()
    };
    (0..3).map(read).min().unwrap()
}

#[test]
fn downloads_that_nobody_reads_are_ended() {
    besieged(impatient().set("server.idle_seconds", "4"), 256, |hub| {
        let repository = with_a_large_file(hub);
        let idle = sockets(hub);
        let unread = unread(hub, &repository, 100);
        wait_until("all of them are ended", || sockets(hub) <= idle + 4);
        drop(unread);
    });
}

#[test]
fn a_thousand_downloads_that_nobody_reads_cost_little_and_slow_nobody_down() {
    let count = if all() { 4_000 } else { 1_000 };
    besieged(Deployment::new(), 768, |hub| {
        let repository = with_a_large_file(hub);
        let (before, alone) = (Memory::of(hub).now, time_to_read(&repository));
        let unread = unread(hub, &repository, count);
        let beside = time_to_read(&repository);
        assert!(beside < alone * 4 + Duration::from_millis(200), "{beside:?} beside them, {alone:?} alone");
        // What all of them share, a piece of their own, and the connection.
        let each = (Memory::of(hub).peak.saturating_sub(before + SHARED)) / unread.len() as u64;
        println!("{alone:?} alone, {beside:?} beside them, {each} bytes each");
        // Measured: 134 KiB, where a piece that did not shrink would be 256.
        assert!(each < 192 << 10, "{each} bytes for each download that nobody reads");
    });
}

/// What downloads may have under way together beyond 64 KiB each, in bytes.
const SHARED: u64 = 32 << 20;
