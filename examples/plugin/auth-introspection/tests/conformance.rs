//! The plugin in this process, before a server that knows two tokens.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use auth_introspection::{IntrospectionConfig, open};
use ballast_sdk::auth::{Auth, Credential, Role};
use ballast_sdk::types::Secret;
use ballast_sdk::{ErrorKind, Slots, serde_json};

/// A server that has seen these bodies of requests.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let (mut reader, mut length, mut line) = (BufReader::new(stream.try_clone()?), 0, String::new());
        while reader.read_line(&mut line)? > 2 {
            if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let body = String::from_utf8(body).unwrap();
        let said = match body.split('&').next() {
            Some("token=of-ada") => r#"{"active": true, "sub": "1", "username": "ada", "scope": "openid write"}"#,
            Some("token=of-bob") => r#"{"active": true, "sub": "2", "scope": "root", "client_id": "laptop"}"#,
            Some("token=over") => r#"{"active": true, "sub": "3", "exp": 1}"#,
            Some("token=garbage") => "[]",
            _ => r#"{"active": false}"#,
        };
        self.0.lock().unwrap().push(body);
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{said}", said.len())
    }
}

/// The keys for a server that runs until the process ends.
fn server() -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (endpoint, seen) = (format!("http://{}/introspect", listener.local_addr().unwrap()), Seen::default());
    let answering = seen.clone();
    std::thread::spawn(move || listener.incoming().for_each(|stream| drop(answering.answer(stream.unwrap()))));
    (endpoint, seen)
}

fn auth(endpoint: &str, more: serde_json::Value) -> Arc<dyn Auth> {
    let mut keys = serde_json::json!({ "endpoint": endpoint, "admin_scope": "root" });
    keys.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    let config: IntrospectionConfig = serde_json::from_value(keys).unwrap();
    Arc::new(open(config, Slots::of("auth.main", None)).unwrap())
}

fn bearer(token: &str) -> Credential {
    Credential::Bearer { token: Secret::new(token) }
}

#[tokio::test]
async fn it_conforms() {
    let (endpoint, _) = server();
    ballast_testkit::auth::conforms(async || (auth(&endpoint, serde_json::json!({})), ())).await;
}

#[tokio::test]
async fn a_token_proves_whom_the_server_says_with_the_role_of_its_scope() {
    let (endpoint, seen) = server();
    let auth = auth(&endpoint, serde_json::json!({}));
    let ada = auth.authenticate(&bearer("of-ada")).await.unwrap().unwrap();
    assert_eq!((ada.subject.as_str(), ada.name_hint.as_deref(), ada.credential.role), ("1", Some("ada"), Role::Write));
    let basic = Credential::Basic { user: "anybody".to_owned(), secret: Secret::new("of-ada") };
    assert_eq!(auth.authenticate(&basic).await.unwrap(), Some(ada.clone()));
    assert_eq!(seen.count(), 1, "an answer holds for a while");
    let bob = auth.authenticate(&bearer("of-bob")).await.unwrap().unwrap();
    assert_eq!((bob.credential.role, bob.credential.name.as_str()), (Role::Admin, "laptop"));
    assert_eq!(auth.authenticate(&bearer("over")).await.unwrap(), None);
    assert!(auth.is_valid(&ada.credential.id).await.unwrap());
    assert!(!auth.is_valid("another").await.unwrap());
    assert_eq!(auth.authenticate(&bearer("garbage")).await.unwrap_err().kind, ErrorKind::Unavailable);
}

#[tokio::test]
async fn only_tokens_that_begin_as_agreed_are_sent_away() {
    let (endpoint, seen) = server();
    let auth = auth(&endpoint, serde_json::json!({ "prefix": "of-" }));
    assert_eq!(auth.authenticate(&bearer("hf_something")).await.unwrap(), None);
    assert_eq!(seen.count(), 0);
    assert!(auth.authenticate(&bearer("of-ada")).await.unwrap().is_some());
    assert_eq!(seen.count(), 1);
}

#[tokio::test]
async fn a_server_that_is_gone_is_unavailable_and_what_it_said_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/introspect", listener.local_addr().unwrap());
    drop(listener);
    let auth = auth(&endpoint, serde_json::json!({ "cache_seconds": 0 }));
    let error = auth.authenticate(&bearer("of-ada")).await.unwrap_err();
    assert!(error.is(ErrorKind::Unavailable) && !error.to_string().contains("of-ada"), "{error}");
}
