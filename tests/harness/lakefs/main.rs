//! The lakeFS server that the harness plays, as a program: it says where it listens, and ends with its input.

use std::io::Read;

use ballast_tests::LakeServer;

fn main() {
    let server = LakeServer::start();
    println!("listening on {}", server.endpoint());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
