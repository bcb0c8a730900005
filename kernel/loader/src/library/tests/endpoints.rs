//! Endpoints behind their table: what crosses, bodies on their way, and answers that no client should see.

use std::sync::atomic::{AtomicUsize, Ordering};

use ballast_contract::endpoints::{Account, Endpoints, Request, Response};
use ballast_contract::{Component, Error, ErrorKind, Health};
use ballast_types::UserKey;
use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::*;

type Told<T> = ballast_contract::Result<T>;

const MANIFEST: &str = r#"{"abi": {"major": 1, "minor": 2}, "id": "endpoints.tried", "version": "1", "roles": ["endpoints"],
    "openapi": {"paths": {"/a": {"post": {"operationId": "a", "summary": "A", "responses": {"200": {"description": "A"}}}}}}}"#;

/// Long enough for any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Answers as its operations are called.
struct Tried;
struct SpawnedTried;

macro_rules! exported {
    ($($plugin:ident $polling:ident;)*) => {$(
        impl Exported for $plugin {
            type Config = NoKeys;
            const ROLE: &'static str = "endpoints";
            const POLLING: Polling = Polling::$polling;

            fn open(_: NoKeys, _: Slots) -> Told<Exports> {
                Ok(Exports::Endpoints(Arc::new(Tried)))
            }
        }
    )*};
}

exported! {
    Tried Inline;
    SpawnedTried Spawn;
}

/// Bodies that are on their way, or were not dropped.
static BODIES: AtomicUsize = AtomicUsize::new(0);
/// Tests that count them take turns.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

struct Body;

impl Body {
    fn new() -> Self {
        BODIES.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        BODIES.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Component for Tried {}

#[async_trait::async_trait]
impl Endpoints for Tried {
    async fn answer(&self, request: Request) -> Told<Response> {
        let headers =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let some = || stream::iter([Ok(Bytes::from_static(b"some")), Ok(Bytes::from_static(b" bytes"))]);
        let long = "x".repeat(9 << 10);
        match request.operation.as_str() {
            "tell" => Response::json(200, &json!({ "request": request, "body": request.body.to_vec() })),
            "endless" => {
                let held = Body::new();
                let body = stream::repeat_with(move || {
                    let _ = &held;
                    Ok(Bytes::from_static(&[7; 1000]))
                })
                .boxed();
                Ok(Response { status: 200, headers: vec![], body })
            }
            "never" => {
                let _held = Body::new();
                std::future::pending().await
            }
            "panic" => panic!("on purpose"),
            "panic_half_way" => {
                let body = some().chain(stream::once(async { panic!("on purpose, half way") })).boxed();
                Ok(Response { status: 200, headers: vec![], body })
            }
            "fail_half_way" => {
                let broken = Error::new(ErrorKind::Unavailable, "tried", "it broke");
                Ok(Response { status: 200, headers: vec![], body: some().chain(stream::iter([Err(broken)])).boxed() })
            }
            "short" => {
                Ok(Response { status: 200, headers: headers(&[("content-length", "11")]), body: some().boxed() })
            }
            "more" => Ok(Response { status: 200, headers: headers(&[("content-length", "9")]), body: some().boxed() }),
            "no_number" => {
                Ok(Response { status: 200, headers: headers(&[("content-length", "many")]), body: some().boxed() })
            }
            "many_headers" => Ok(Response { status: 200, headers: headers(&[("a", "b"); 65]), body: some().boxed() }),
            "split" => Ok(Response { status: 200, headers: headers(&[("a", "b\r\nc: d")]), body: some().boxed() }),
            "upper" => Ok(Response { status: 200, headers: headers(&[("A", "b")]), body: some().boxed() }),
            "long" => Ok(Response { status: 200, headers: headers(&[("a", &long)]), body: some().boxed() }),
            status => Ok(Response::empty(status.parse().unwrap())),
        }
    }
}

async fn made<E: Exported>(limit: Duration) -> Arc<dyn Endpoints> {
    let declaration = Box::leak(Box::new(declaration::<E>(MANIFEST.as_bytes())));
    let library = opened(declaration, MANIFEST, limit).unwrap();
    let Ok(Opened::Endpoints(endpoints)) = library.create(Role::Endpoints, "main", &json!({}), Arc::new(NoState)).await
    else {
        panic!("no endpoints")
    };
    endpoints.start().await.unwrap();
    endpoints
}

fn asked(operation: &str) -> Request {
    Request {
        operation: operation.to_owned(),
        parameters: [("a".to_owned(), "ü/\u{0}".to_owned())].into(),
        query: vec![("b".to_owned(), String::new())],
        headers: vec![("accept".to_owned(), "*/*".to_owned())],
        caller: Some(Account {
            name: "ada".parse().unwrap(),
            key: UserKey(5),
            is_administrator: true,
            role: ballast_contract::auth::Role::Admin,
        }),
        repository: None,
        base: "https://hub.example/api/x/main".to_owned(),
        body: Bytes::new(),
    }
}

async fn read(response: Response) -> Told<Vec<u8>> {
    Ok(response.body.try_collect::<Vec<_>>().await?.concat())
}

async fn refused(endpoints: &Arc<dyn Endpoints>, operation: &str) -> Error {
    endpoints.answer(asked(operation)).await.map(|response| response.status).unwrap_err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_arrives_as_it_was_sent_and_an_answer_as_it_was_made() {
    for endpoints in [made::<Tried>(PATIENCE).await, made::<SpawnedTried>(PATIENCE).await] {
        let body = Bytes::from((0..100_000).map(|at| at as u8).collect::<Vec<_>>());
        let request = Request { body: body.clone(), ..asked("tell") };
        let response = endpoints.answer(request.clone()).await.unwrap();
        assert_eq!(response.status, 200);
        let said: serde_json::Value = serde_json::from_slice(&read(response).await.unwrap()).unwrap();
        assert_eq!(said["request"], serde_json::to_value(&request).unwrap());
        assert_eq!(serde_json::from_value::<Vec<u8>>(said["body"].clone()).unwrap(), body);
        assert_eq!(endpoints.answer(asked("204")).await.unwrap().status, 204);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_no_client_should_see_is_a_fault() {
    let endpoints = made::<Tried>(PATIENCE).await;
    for (operation, expected) in [
        ("99", "it answered with the status 99"),
        ("101", "it answered with the status 101"),
        ("600", "it answered with the status 600"),
        ("many_headers", "it answered with 65 headers"),
        ("split", "its header 'a' is none"),
        ("upper", "its header 'A' is none"),
        ("long", "its header 'a' is none"),
        ("no_number", "its content-length is no number"),
        ("panic", "the plugin panicked: on purpose"),
    ] {
        let error = refused(&endpoints, operation).await;
        assert!(error.kind == ErrorKind::Internal && error.to_string().contains(expected), "{operation}: {error}");
    }
    assert!(matches!(endpoints.health().await, Health::Degraded(why) if why.contains("misbehaved 9 times")));
    assert_eq!(endpoints.answer(asked("200")).await.unwrap().status, 200, "the next call works");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_not_whole_ends_in_an_error() {
    for (endpoints, polling) in
        [(made::<Tried>(PATIENCE).await, "inline"), (made::<SpawnedTried>(PATIENCE).await, "spawn")]
    {
        for (operation, expected) in [
            ("short", "it ended 1 bytes short of the 11"),
            ("more", "it handed over more than the 9 bytes"),
            ("panic_half_way", "the plugin panicked: on purpose, half way"),
            ("fail_half_way", "it broke"),
        ] {
            let response = endpoints.answer(asked(operation)).await.unwrap();
            let error = read(response).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{polling} {operation}: {error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_never_answers_is_given_up() {
    let _turn = TURN.lock().await;
    let endpoints = made::<Tried>(Duration::from_secs(1)).await;
    let late = refused(&endpoints, "never").await;
    assert_eq!(
        (late.kind, late.context.as_str()),
        (ErrorKind::Unavailable, "the plugin did not answer within 1 seconds")
    );
    assert_eq!(BODIES.load(Ordering::SeqCst), 0, "it was dropped where it waited");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_goes_away_leaves_nothing_behind() {
    let _turn = TURN.lock().await;
    let endpoints = made::<Tried>(PATIENCE).await;
    for pieces in 0..5 {
        let response = endpoints.answer(asked("endless")).await.unwrap();
        assert_eq!(BODIES.load(Ordering::SeqCst), 1);
        let taken: Vec<Bytes> = response.body.take(pieces).try_collect().await.unwrap();
        assert!(taken.concat().iter().all(|byte| *byte == 7));
        assert_eq!(BODIES.load(Ordering::SeqCst), 0, "after {pieces} pieces");
        assert!(endpoints.answer(asked("never")).now_or_never().is_none());
        assert_eq!(BODIES.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn endpoints_without_bytes_are_refused_by_name() {
    unsafe extern "C" fn creates(
        host: *const ballast_abi::Host,
        role: ballast_abi::Str,
        config: ballast_abi::Str,
        out: *mut ballast_abi::Instance,
        failure: *mut ballast_abi::Failure,
    ) -> u32 {
        let whole = declaration::<Tried>(MANIFEST.as_bytes());
        let answer = unsafe { whole.create.unwrap()(host, role, config, out, failure) };
        let table = unsafe { (*out).role.cast::<ballast_abi::MessageTable>().read() };
        // As a table of 1.1 ends.
        let older =
            ballast_abi::MessageTable { size: std::mem::offset_of!(ballast_abi::MessageTable, stream), ..table };
        unsafe { (*out).role = std::ptr::from_ref(Box::leak(Box::new(older))).cast() };
        answer
    }
    let declaration = Declaration { create: Some(creates), ..declaration::<Tried>(MANIFEST.as_bytes()) };
    let library = opened(Box::leak(Box::new(declaration)), MANIFEST, PATIENCE).unwrap();
    let refused = library.create(Role::Endpoints, "main", &json!({}), Arc::new(NoState)).await.err().unwrap();
    assert_eq!(refused.why, "its table of endpoints lacks stream");
}
