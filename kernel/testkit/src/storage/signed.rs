//! Signed URLs, where an instance has them: tried as a client tries them, over HTTP.

use std::time::{Duration, Instant};

use ballast_contract::storage::{Presign, ResponseHeaders, SignedRequest, UploadedPart};
use ballast_types::{ByteRange, Timestamp};
use bytes::Bytes;
use reqwest::{Client, Response};

use super::{Instance, each, get, is_absent, key, keys, pattern, put};

const VALID: Duration = Duration::from_secs(300);

/// What providers take for a part that is not the last one, in bytes.
const PART: usize = 5 << 20;

/// Runs every check that the capability of a fresh instance asks for.
pub(super) async fn conforms<K>(fresh: impl AsyncFn() -> (Instance, K)) {
    let (declares, uploads) = {
        let (storage, _kept) = fresh().await;
        storage.start().await.unwrap();
        let declared = storage.presign().map(Presign::takes_uploads);
        storage.stop().await;
        (declared.is_some(), declared.unwrap_or_default())
    };
    if declares {
        each! { fresh:
            a_signed_get_reads_exactly_the_object_and_any_range_of_it
            a_signed_get_says_what_was_asked_of_it
            a_signed_get_expires
            a_signed_range_is_good_for_that_range_only
            a_signature_is_good_for_one_object_and_one_method
        }
    }
    if uploads {
        each! { fresh:
            a_signed_put_is_held_to_its_length
            parts_in_any_order_become_one_object
            a_part_of_another_length_is_refused
            a_part_that_comes_again_takes_the_place_of_the_first
            a_single_short_part_is_an_object
            a_completed_upload_is_out_of_its_clients_hands
            an_aborted_upload_leaves_nothing_and_takes_nothing
            an_upload_without_all_its_parts_is_not_completed
        }
    }
}

fn presign(storage: &Instance) -> &dyn Presign {
    storage.presign().unwrap()
}

/// Sends it as anybody would. The length of the body goes along by itself.
async fn send(signed: &SignedRequest, body: Option<Bytes>, range: Option<&str>) -> Response {
    let method = signed.method.parse().unwrap();
    let mut request = Client::builder().timeout(VALID).build().unwrap().request(method, &signed.url);
    for (name, value) in signed.headers.iter().filter(|(name, _)| name != "content-length") {
        request = request.header(name, value);
    }
    if let Some(range) = range {
        request = request.header("range", range);
    }
    if let Some(body) = body {
        request = request.body(body);
    }
    request.send().await.unwrap()
}

async fn status(signed: &SignedRequest, body: Option<Bytes>) -> u16 {
    send(signed, body, None).await.status().as_u16()
}

/// Whether a refusal may be told by silence: a provider may close the connection on a body that it does not want.
async fn is_refused(signed: &SignedRequest, body: Bytes) -> bool {
    let client = Client::builder().timeout(VALID).build().unwrap();
    match client.put(&signed.url).body(body).send().await {
        Ok(response) => !response.status().is_success(),
        Err(_) => true,
    }
}

async fn signed_get(storage: &Instance, at: &str, valid: Duration) -> SignedRequest {
    presign(storage).get(&key(at), &ResponseHeaders::default(), valid).await.unwrap()
}

/// Sends a part; its etag.
async fn send_part(storage: &Instance, at: &str, upload: &str, number: u32, bytes: Bytes) -> UploadedPart {
    let size = bytes.len() as u64;
    let signed = presign(storage).put_part(&key(at), upload, number, size, VALID).await.unwrap();
    assert_eq!(signed.method, "PUT");
    let answer = send(&signed, Some(bytes), None).await;
    assert!(answer.status().is_success(), "part {number}: {}", answer.status());
    let etag = answer.headers()["etag"].to_str().unwrap().to_owned();
    UploadedPart { number, etag }
}

async fn a_signed_get_reads_exactly_the_object_and_any_range_of_it(storage: &Instance) {
    let bytes = pattern(100_000, 20);
    put(storage, "p/q", bytes.clone()).await;
    let signed = signed_get(storage, "p/q", VALID).await;
    assert_eq!((signed.method.as_str(), signed.url.starts_with("http")), ("GET", true));
    let whole = send(&signed, None, None).await;
    assert_eq!(whole.status(), 200);
    assert!(whole.bytes().await.unwrap() == bytes);
    for (range, from, to) in [("bytes=0-0", 0, 1), ("bytes=500-1499", 500, 1500), ("bytes=99000-", 99_000, 100_000)] {
        let part = send(&signed, None, Some(range)).await;
        assert_eq!(part.status(), 206, "{range}");
        assert_eq!(part.headers()["content-range"], format!("bytes {from}-{}/100000", to - 1));
        assert!(part.bytes().await.unwrap() == bytes[from..to], "{range}");
    }
    assert_eq!(status(&signed_get(storage, "p/r", VALID).await, None).await, 404);
}

async fn a_signed_range_is_good_for_that_range_only(storage: &Instance) {
    let bytes = pattern(100_000, 22);
    put(storage, "p", bytes.clone()).await;
    let signed = presign(storage).get_range(&key("p"), ByteRange { start: 500, end: 1500 }, VALID).await.unwrap();
    let part = send(&signed, None, None).await;
    assert_eq!(part.status(), 206);
    assert!(part.bytes().await.unwrap() == bytes[500..1500]);
    for range in [None, Some("bytes=0-1499"), Some("bytes=500-1500")] {
        let headers = range.map(|range| ("range".to_owned(), range.to_owned())).into_iter().collect();
        let other = SignedRequest { headers, ..signed.clone() };
        assert_eq!(status(&other, None).await, 403, "{range:?}");
    }
}

async fn a_signed_get_says_what_was_asked_of_it(storage: &Instance) {
    put(storage, "p", "signed").await;
    let disposition = "inline; filename*=UTF-8''m%C3%B6del%2B1.bin; filename=\"m\\\"odel+1.bin\"";
    let headers = ResponseHeaders {
        content_disposition: Some(disposition.to_owned()),
        content_type: Some("text/plain; charset=utf-8".to_owned()),
    };
    let signed = presign(storage).get(&key("p"), &headers, VALID).await.unwrap();
    let answer = send(&signed, None, None).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-disposition"], disposition);
    assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(answer.bytes().await.unwrap(), "signed");
}

async fn a_signed_get_expires(storage: &Instance) {
    put(storage, "p", "signed").await;
    let signed = signed_get(storage, "p", Duration::from_secs(1)).await;
    assert!(signed.expires <= Timestamp::now().after(Duration::from_secs(1)));
    let begun = Instant::now();
    while status(&signed, None).await == 200 {
        assert!(begun.elapsed() < Duration::from_secs(20), "it is good for ever");
        tokio::task::yield_now().await;
    }
    assert_eq!(status(&signed_get(storage, "p", VALID).await, None).await, 200, "and a new one is good");
}

async fn a_signature_is_good_for_one_object_and_one_method(storage: &Instance) {
    put(storage, "mine/a", "mine").await;
    put(storage, "theirs/a", "theirs").await;
    let signed = signed_get(storage, "mine/a", VALID).await;
    let elsewhere = SignedRequest { url: signed.url.replace("mine/a", "theirs/a"), ..signed.clone() };
    assert_eq!(status(&elsewhere, None).await, 403);
    for method in ["PUT", "DELETE"] {
        let other = SignedRequest { method: method.to_owned(), ..signed.clone() };
        assert_eq!(status(&other, Some(Bytes::from_static(b"other"))).await, 403, "{method}");
    }
    assert_eq!(get(storage, "mine/a").await, b"mine");
}

async fn a_signed_put_is_held_to_its_length(storage: &Instance) {
    let presign = presign(storage);
    let signed = presign.put(&key("p"), 5, VALID).await.unwrap();
    for bytes in ["", "1234", "123456"] {
        assert!(is_refused(&signed, Bytes::from(bytes)).await, "{bytes:?}");
        is_absent(storage, "p").await;
    }
    assert_eq!(status(&signed, Some(Bytes::from("12345"))).await, 200);
    assert_eq!(get(storage, "p").await, b"12345");
    let expired = presign.put(&key("p"), 5, Duration::from_secs(1)).await.unwrap();
    let begun = Instant::now();
    while status(&expired, Some(Bytes::from("12345"))).await == 200 {
        assert!(begun.elapsed() < Duration::from_secs(20), "it is good for ever");
    }
}

async fn parts_in_any_order_become_one_object(storage: &Instance) {
    let (presign, bytes) = (presign(storage), pattern(2 * PART + 77, 21));
    let upload = presign.create_multipart(&key("a/b")).await.unwrap();
    let mut sent = Vec::new();
    for number in [3, 1, 2_u32] {
        let start = PART * (number as usize - 1);
        let part = bytes.slice(start..bytes.len().min(start + PART));
        sent.push(send_part(storage, "a/b", &upload, number, part).await);
        is_absent(storage, "a/b").await;
        assert!(keys(storage).await.is_empty());
    }
    sent.sort_by_key(|part| part.number);
    let listed = presign.list_parts(&key("a/b"), &upload).await.unwrap();
    let listed: Vec<_> = listed.iter().map(|(part, size)| (part.number, *size)).collect();
    assert_eq!(listed, [(1, PART as u64), (2, PART as u64), (3, 77)]);
    let size = presign.complete_multipart(&key("a/b"), &upload, &sent).await.unwrap();
    assert_eq!(size, bytes.len() as u64);
    assert!(get(storage, "a/b").await == bytes);
}

async fn a_part_of_another_length_is_refused(storage: &Instance) {
    let presign = presign(storage);
    let upload = presign.create_multipart(&key("a")).await.unwrap();
    let signed = presign.put_part(&key("a"), &upload, 1, 10, VALID).await.unwrap();
    for bytes in [9, 11] {
        assert!(is_refused(&signed, pattern(bytes, 22)).await, "{bytes} bytes");
    }
    assert!(presign.list_parts(&key("a"), &upload).await.unwrap().is_empty());
}

async fn a_part_that_comes_again_takes_the_place_of_the_first(storage: &Instance) {
    let presign = presign(storage);
    let upload = presign.create_multipart(&key("a")).await.unwrap();
    send_part(storage, "a", &upload, 1, Bytes::from("first")).await;
    let again = send_part(storage, "a", &upload, 1, Bytes::from("again!")).await;
    assert_eq!(presign.complete_multipart(&key("a"), &upload, &[again]).await.unwrap(), 6);
    assert_eq!(get(storage, "a").await, b"again!");
}

/// What was listed is as good as what the client was told.
async fn a_single_short_part_is_an_object(storage: &Instance) {
    let presign = presign(storage);
    let upload = presign.create_multipart(&key("a")).await.unwrap();
    send_part(storage, "a", &upload, 1, Bytes::from("x")).await;
    let listed = presign.list_parts(&key("a"), &upload).await.unwrap();
    let listed: Vec<UploadedPart> = listed.into_iter().map(|(part, _)| part).collect();
    assert_eq!(presign.complete_multipart(&key("a"), &upload, &listed).await.unwrap(), 1);
    assert_eq!(get(storage, "a").await, b"x");
}

async fn a_completed_upload_is_out_of_its_clients_hands(storage: &Instance) {
    let presign = presign(storage);
    let upload = presign.create_multipart(&key("a")).await.unwrap();
    let part = send_part(storage, "a", &upload, 1, Bytes::from("good")).await;
    let signed = presign.put_part(&key("a"), &upload, 1, 4, VALID).await.unwrap();
    presign.complete_multipart(&key("a"), &upload, std::slice::from_ref(&part)).await.unwrap();
    assert!(is_refused(&signed, Bytes::from("evil")).await, "a part of an upload that is over");
    // Whether it says that all is well or that there is no such upload, the object stays what it is.
    let _ = presign.complete_multipart(&key("a"), &upload, &[part]).await;
    let _ = presign.abort_multipart(&key("a"), &upload).await;
    assert_eq!(get(storage, "a").await, b"good");
}

async fn an_aborted_upload_leaves_nothing_and_takes_nothing(storage: &Instance) {
    let presign = presign(storage);
    let upload = presign.create_multipart(&key("a")).await.unwrap();
    let part = send_part(storage, "a", &upload, 1, Bytes::from("part")).await;
    let signed = presign.put_part(&key("a"), &upload, 1, 4, VALID).await.unwrap();
    for _ in 0..2 {
        presign.abort_multipart(&key("a"), &upload).await.unwrap();
    }
    assert!(is_refused(&signed, Bytes::from("more")).await);
    assert!(presign.complete_multipart(&key("a"), &upload, &[part]).await.is_err());
    assert!(presign.list_parts(&key("a"), &upload).await.unwrap_or_default().is_empty());
    is_absent(storage, "a").await;
    assert!(keys(storage).await.is_empty());
}

async fn an_upload_without_all_its_parts_is_not_completed(storage: &Instance) {
    let presign = presign(storage);
    for sent in [false, true] {
        let upload = presign.create_multipart(&key("q")).await.unwrap();
        let mut listed = Vec::new();
        if sent {
            listed.push(send_part(storage, "q", &upload, 1, pattern(PART, 23)).await);
        }
        listed.push(UploadedPart { number: listed.len() as u32 + 1, etag: "\"none\"".to_owned() });
        assert!(presign.complete_multipart(&key("q"), &upload, &listed).await.is_err(), "a part that never came");
        is_absent(storage, "q").await;
    }
}
