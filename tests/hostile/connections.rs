//! Connections that are opened and left.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use ballast_tests::{Deployment, Hub};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpSocket, TcpStream};

use crate::siege::{Memory, all, besieged, sockets, wait_until};

/// As many files as the system lets this process open.
fn raise_the_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    limit.maximum.map_or(usize::MAX, |files| files as usize)
}

/// Opens so many connections, from one loopback address after the other: one alone has 28,000 ports. Of more than this
/// process may hold it lets the oldest go, which the hub has ended long before.
async fn open(address: SocketAddr, count: usize, beginning: &'static [u8], at_most: usize) -> VecDeque<TcpStream> {
    let mut held = VecDeque::with_capacity(at_most);
    for number in 0..count {
        let socket = TcpSocket::new_v4().unwrap();
        let from = IpAddr::V4(Ipv4Addr::new(127, 0, 1, (number % 50) as u8 + 1));
        socket.bind(SocketAddr::new(from, 0)).unwrap();
        let opened = tokio::time::timeout(Duration::from_secs(20), socket.connect(address)).await;
        let stream = opened.expect("a place within the limit").expect("a connection");
        let _ = stream.try_write(beginning);
        if held.len() == at_most {
            held.pop_front();
        }
        held.push_back(stream);
    }
    held
}

fn opened(hub: &Hub, count: usize, beginning: &'static [u8]) -> VecDeque<TcpStream> {
    let at_most = (raise_the_limit() - 2000).min(12_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let held = runtime.block_on(open(hub.address, count, beginning, at_most));
    // The runtime's end does not close what belongs to it.
    runtime.shutdown_background();
    held
}

#[test]
fn connections_that_are_opened_and_left_cost_little_and_are_ended_in_time() {
    let count = if all() { 100_000 } else { 10_000 };
    let deployment = Deployment::new().set("server.max_connections", "4000").set("server.header_seconds", "15");
    besieged(deployment, 256, |hub| {
        let (before, idle) = (Memory::of(hub).now, sockets(hub));
        let held = opened(hub, count, b"");
        assert!(sockets(hub) <= 4000 + idle + 2, "{} connections of 4000", sockets(hub));
        let each = Memory::of(hub).now.saturating_sub(before) / 4000;
        assert!(each < 16 << 10, "{each} bytes for each connection that says nothing");
        // New ones go on being served: that is what the bystander sees. The rest ends by itself.
        wait_until("those that were left are ended", || sockets(hub) <= idle + 4);
        drop(held);
    });
}

#[test]
fn connections_that_begin_a_request_and_leave_it_cost_little_too() {
    let deployment = Deployment::new().set("server.max_connections", "4000").set("server.header_seconds", "10");
    besieged(deployment, 256, |hub| {
        let (before, idle) = (Memory::of(hub).now, sockets(hub));
        let held = opened(hub, 6_000, b"GET /health HTTP/1.1\r\nHost: h\r\nX-Slow: ");
        let each = Memory::of(hub).now.saturating_sub(before) / 4000;
        // Measured: 20 to 33 KiB, by how the allocator happens to lay them out.
        assert!(each < 48 << 10, "{each} bytes for each connection that has begun a request");
        wait_until("those that were left are ended", || sockets(hub) <= idle + 4);
        drop(held);
    });
}

#[test]
fn connections_that_are_kept_after_an_answer_make_room_for_others() {
    let deployment = Deployment::new().set("server.max_connections", "300");
    besieged(deployment, 256, |hub| {
        let held = opened(hub, 3_000, b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n");
        assert!(sockets(hub) < 330, "{} connections of 300", sockets(hub));
        drop(held);
    });
}
