//! What plugins that bring HTTP operations keep their promises by.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use ballast_contract::auth::Role;
use ballast_contract::endpoints::part::{Operation, Part};
use ballast_contract::endpoints::{Account, Endpoints, Repository, Request, Response};
use ballast_contract::{Error, ErrorKind, Health};
use ballast_types::{RepoKey, RepoKind, UserKey, Visibility};
use bytes::Bytes;
use futures::future::join_all;
use futures::{FutureExt, StreamExt};

use crate::Random;

type Instance = Arc<dyn Endpoints>;

/// Runs every check, each on a fresh instance that is not started. `fresh` answers with the instance what must live as long
/// as it does. `part` is the plugin's part of the document: what is answered is held to it. Operations are asked by an
/// administrator, with the examples of their parameters and the example of their body where there are some.
pub async fn conforms<K>(part: &Part, fresh: impl AsyncFn() -> (Instance, K)) {
    macro_rules! each {
        ($($check:ident)*) => {$({
            let (endpoints, _kept) = fresh().await;
            // Shown by the test runner only where the check fails.
            println!("endpoints: {}", stringify!($check));
            endpoints.start().await.unwrap();
            assert_eq!(endpoints.health().await, Health::Ready);
            $check(&endpoints, part).await;
            endpoints.stop().await;
            endpoints.stop().await;
        })*};
    }
    each! {
        every_operation_is_answered_as_the_document_says
        what_makes_no_sense_is_refused_and_nothing_worse
        what_only_reads_answers_the_same_again
        an_operation_that_it_does_not_have_is_refused
        many_at_once_are_each_answered
        who_goes_away_harms_nobody
    }
}

fn account() -> Account {
    Account { name: "ada".parse().unwrap(), key: UserKey(1), is_administrator: true, role: Role::Admin }
}

/// A request as its operation describes it.
fn plausible(part: &Part, operation: &Operation) -> Request {
    let described = part.described(operation).unwrap();
    let names = operation.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let example = |name: &str| {
        let parameters = described["parameters"].as_array().into_iter().flatten();
        let mut this = parameters.filter(|parameter| parameter["name"] == name);
        let example =
            this.find_map(|parameter| parameter.get("example").or_else(|| parameter["schema"].get("example")));
        example.map(|example| example.as_str().map_or_else(|| example.to_string(), str::to_owned))
    };
    let usual = |name: &str| match name {
        "kinds" => "models".to_owned(),
        "namespace" => "acme".to_owned(),
        "name" => "bert".to_owned(),
        _ => "1".to_owned(),
    };
    let value = |name: &str| (name.to_owned(), example(name).unwrap_or_else(|| usual(name)));
    let body = described["requestBody"]["content"]["application/json"].get("example");
    let repository = Repository {
        key: RepoKey(7),
        kind: RepoKind::Model,
        id: "acme/bert".to_owned(),
        visibility: Visibility::Public,
    };
    Request {
        operation: operation.id.clone(),
        parameters: names.map(value).collect(),
        query: vec![],
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        caller: Some(account()),
        repository: operation.right.map(|_| repository),
        base: "https://hub.example.org/api/x/tried".to_owned(),
        body: body.map(|body| Bytes::from(body.to_string())).unwrap_or_default(),
    }
}

/// All bytes of an answer, which are as many as it says.
async fn read(response: Response) -> (u16, Vec<u8>) {
    let pieces: Vec<Bytes> = response.body.map(Result::unwrap).collect().await;
    let bytes = pieces.concat();
    if let Some((_, length)) = response.headers.iter().find(|(name, _)| name == "content-length") {
        assert_eq!(length.parse(), Ok(bytes.len()), "the length that it says");
    }
    (response.status, bytes)
}

/// Refusals that are the caller's affair, or nobody's.
fn refuses(error: &Error) -> bool {
    !matches!(error.kind, ErrorKind::Internal | ErrorKind::Corrupt)
}

async fn every_operation_is_answered_as_the_document_says(endpoints: &Instance, part: &Part) {
    for operation in part.operations() {
        let answered = endpoints.answer(plausible(part, operation)).await;
        let response = match answered {
            Ok(response) => response,
            Err(error) => {
                assert!(refuses(&error), "{}: {error}", operation.id);
                continue;
            }
        };
        let (status, bytes) = read(response).await;
        let described = &part.described(operation).unwrap()["responses"];
        let known = [status.to_string(), format!("{}XX", status / 100), "default".to_owned()];
        let said = known.iter().any(|status| described.get(status.as_str()).is_some());
        assert!(said, "{}: the document does not say {status}", operation.id);
        let bare = operation.method == "head" || matches!(status, 204 | 304);
        assert!(!bare || bytes.is_empty(), "{}: {} bytes where none can be", operation.id, bytes.len());
    }
}

async fn what_makes_no_sense_is_refused_and_nothing_worse(endpoints: &Instance, part: &Part) {
    let random = Random::new(5);
    let noise: Vec<u8> = (0..1000).map(|_| random.below(256) as u8).collect();
    let deep = "[".repeat(10_000);
    let bodies: [&[u8]; 7] = [b"", b"{", b"null", b"[]", b"{\"a\": \"\\ud800\"}", &noise, deep.as_bytes()];
    let long = "x".repeat(10_000);
    let words =
        ["", "..", "-1", "18446744073709551616", "\0", "a/b", "%2e", "\u{202e}é\n", "' OR 1=1 --", long.as_str()];
    for operation in part.operations() {
        let usual = plausible(part, operation);
        for body in bodies {
            let odd = Request { body: Bytes::copy_from_slice(body), ..usual.clone() };
            tolerated(endpoints, odd).await;
        }
        for word in words {
            let mut odd = usual.clone();
            odd.parameters.values_mut().for_each(|value| word.clone_into(value));
            let queried = part.described(operation).unwrap()["parameters"].as_array().into_iter().flatten();
            let queried = queried.filter(|parameter| parameter["in"] == "query").filter_map(|one| one["name"].as_str());
            odd.query = queried.chain(["unknown"]).map(|name| (name.to_owned(), word.to_owned())).collect();
            odd.headers.iter_mut().for_each(|(_, value)| word.clone_into(value));
            tolerated(endpoints, odd).await;
        }
        let nobody = Request { caller: None, parameters: Default::default(), repository: None, ..usual };
        tolerated(endpoints, nobody).await;
    }
}

async fn tolerated(endpoints: &Instance, request: Request) {
    let (operation, said) = (request.operation.clone(), format!("{request:?}"));
    let said: String = said.chars().take(500).collect();
    match endpoints.answer(request).await {
        Ok(response) => assert!(read(response).await.0 < 500, "{operation}: a fault at {said}"),
        Err(error) => assert!(refuses(&error), "{operation}: {error} at {said}"),
    }
}

async fn what_only_reads_answers_the_same_again(endpoints: &Instance, part: &Part) {
    for operation in part.operations().iter().filter(|operation| operation.is_safe()) {
        let mut seen = vec![];
        for _ in 0..2 {
            let answered = endpoints.answer(plausible(part, operation)).await;
            seen.push(match answered {
                Ok(response) => read(response).await.0,
                Err(error) => 1000 + u16::try_from(error.kind.code()).unwrap(),
            });
        }
        assert_eq!(seen[0], seen[1], "{}", operation.id);
    }
}

async fn an_operation_that_it_does_not_have_is_refused(endpoints: &Instance, part: &Part) {
    let usual = plausible(part, &part.operations()[0]);
    let unknown = Request { operation: "no_such_operation".to_owned(), ..usual };
    match endpoints.answer(unknown).await {
        Ok(response) => assert!((400..500).contains(&response.status), "it answered {}", response.status),
        Err(error) => assert!(refuses(&error), "{error}"),
    }
}

async fn many_at_once_are_each_answered(endpoints: &Instance, part: &Part) {
    let all = (0..32).map(|at| {
        let endpoints = Arc::clone(endpoints);
        let request = plausible(part, &part.operations()[at % part.operations().len()]);
        tokio::spawn(async move { tolerated(&endpoints, request).await })
    });
    join_all(all).await.into_iter().for_each(Result::unwrap);
}

async fn who_goes_away_harms_nobody(endpoints: &Instance, part: &Part) {
    for operation in part.operations() {
        // Dropped where it waits first, where it waits.
        drop(endpoints.answer(plausible(part, operation)).now_or_never());
        // Dropped with its body unread.
        drop(endpoints.answer(plausible(part, operation)).await);
    }
    every_operation_is_answered_as_the_document_says(endpoints, part).await;
}
