//! A serving hub, from its first start to its end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStdout};

use crate::Desk;

/// A hub that listens; it is ended when dropped.
struct Serving {
    child: Child,
    out: BufReader<ChildStdout>,
    /// What was printed before it listened.
    greeting: String,
    address: String,
}

impl Serving {
    fn start(desk: &Desk, more: &[&str]) -> Self {
        let arguments = [&["--data-dir", "data", "--listen", "127.0.0.1:0"], more].concat();
        let mut child = desk.command(&arguments).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        // It owns the child from here on, and ends it also where the start fails.
        let mut hub = Self { child, out, greeting: String::new(), address: String::new() };
        while hub.address.is_empty() {
            let mut line = String::new();
            if hub.out.read_line(&mut line).unwrap() == 0 {
                let mut err = String::new();
                hub.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
                panic!("it ended: {err}");
            }
            match line.trim().strip_prefix("listening on http://") {
                Some(address) => hub.address = address.to_owned(),
                None => hub.greeting += &line,
            }
        }
        hub
    }

    fn get(&self, path: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n", self.address).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn whoami(&self, token: &str) -> String {
        self.get("/api/whoami-v2", &format!("Authorization: Bearer {token}\r\n"))
    }

    /// SIGTERM; answers the exit code and what else was printed.
    fn stop(mut self) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        assert!(std::process::Command::new("kill").arg(id).status().unwrap().success());
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_first_start_makes_an_administrator_and_says_once_what_to_paste() {
    let desk = Desk::new();
    let hub = Serving::start(&desk, &[]);
    let file = desk.path().join("data/admin-token");
    let token = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    for line in [format!("export HF_ENDPOINT=http://{}", hub.address), format!("export HF_TOKEN={token}")] {
        assert!(hub.greeting.contains(&line), "{}", hub.greeting);
    }
    assert!(hub.whoami(&token).contains(r#""name":"admin""#));
    assert!(hub.get("/readyz", "").starts_with("HTTP/1.1 200"));
    assert!(hub.get("/metrics", "").contains("ballast_http_requests_total"));
    assert_eq!(hub.stop(), (Some(0), String::new()));

    let again = Serving::start(&desk, &[]);
    assert_eq!(again.greeting, "");
    assert!(again.whoami(&token).contains(r#""name":"admin""#));
}

#[test]
fn what_is_declared_is_there_after_every_start() {
    let desk = Desk::new();
    let path = desk.write(
        "hub.toml",
        "[[bootstrap.users]]\nname = 'demo'\nadmin = true\n\
         tokens = [{ name = 'laptop', role = 'write', value = 'demo token 1' }]\n\
         [[bootstrap.organizations]]\nname = 'lab'\nmembers = [{ user = 'demo', role = 'admin' }]\n",
    );
    for _ in 0..2 {
        let hub = Serving::start(&desk, &["--config", path.to_str().unwrap()]);
        let whoami = hub.whoami("demo token 1");
        assert!(whoami.contains(r#""name":"demo""#), "{whoami}");
        assert!(whoami.contains(r#""name":"lab""#), "{whoami}");
        assert_eq!(hub.stop().0, Some(0));
    }
}

#[test]
fn users_and_tokens_are_made_beside_a_serving_hub() {
    let desk = Desk::new();
    let hub = Serving::start(&desk, &[]);
    let run = |arguments: &[&str]| desk.run(&[arguments, &["--data-dir", "data"]].concat());
    run(&["user", "create", "ann", "--email", "ann@example.org"]).done();
    assert!(run(&["user", "list"]).done().contains("ann@example.org"));
    assert_eq!(run(&["user", "create", "Ann"]).code, Some(1));

    let token = run(&["token", "create", "ann", "--role", "read", "--name", "script"]).done();
    assert!(hub.whoami(token.trim()).contains(r#""name":"ann""#));
    let listed = run(&["token", "list", "ann"]).done();
    let line = listed.lines().find(|line| line.contains("script")).unwrap();
    run(&["token", "revoke", "ann", line.split_whitespace().next().unwrap()]).done();
    assert!(!run(&["token", "list", "ann"]).done().contains("script"));
    assert_eq!(run(&["token", "revoke", "ann", "999"]).code, Some(1));

    let set = |input| desk.run_with_input(&["user", "password", "ann", "--data-dir", "data"], input);
    assert_eq!(set("long enough\n").code, Some(0));
    assert!(set("short\n").err.contains("at least 8 characters"));
    run(&["user", "disable", "ann"]).done();
    assert!(run(&["user", "list"]).done().lines().any(|line| line.starts_with("ann ") && line.contains("no ")));
}

#[test]
fn two_hubs_do_not_serve_from_one_folder() {
    let desk = Desk::new();
    let _hub = Serving::start(&desk, &[]);
    let second = desk.run(&["serve", "--data-dir", "data", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.code, Some(1));
    assert!(second.err.contains("another hub serves from it"), "{}", second.err);
}

#[test]
fn a_port_that_is_taken_is_said_with_its_key() {
    let desk = Desk::new();
    let hub = Serving::start(&desk, &[]);
    let second = desk.run(&["serve", "--data-dir", "other", "--listen", &hub.address]);
    assert_eq!(second.code, Some(1));
    assert!(second.err.contains("server.listen (from --listen)"), "{}", second.err);
}

#[test]
fn a_client_that_does_not_finish_its_headers_is_let_go() {
    let desk = Desk::new();
    let hub = Serving::start(&desk, &["--set", "server.header_seconds=1"]);
    let mut slow = TcpStream::connect(&hub.address).unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost:").unwrap();
    let mut answer = String::new();
    let _ = slow.read_to_string(&mut answer);
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(hub.get("/healthz", "").starts_with("HTTP/1.1 200"));
}

#[test]
fn connections_beyond_the_limit_wait_their_turn() {
    let desk = Desk::new();
    let hub = Serving::start(&desk, &["--set", "server.max_connections=1", "--set", "server.idle_seconds=1"]);
    let first = TcpStream::connect(&hub.address).unwrap();
    // The first says nothing and is let go after a second; then there is a place.
    assert!(hub.get("/healthz", "").starts_with("HTTP/1.1 200"));
    drop(first);
}
