//! Headers and addresses that are too much.

use std::io::Write;

use ballast_tests::Deployment;

use crate::siege::{answer_of, besieged, pour, refused_or_closed, statuses};

#[test]
fn ten_thousand_header_lines_are_refused() {
    besieged(Deployment::new(), 256, |hub| {
        for count in [101, 1_000, 10_000, 100_000] {
            let lines: String = (0..count).map(|number| format!("X-Header-{number}: {number}\r\n")).collect();
            let mut stream = hub.connect();
            let request = format!("GET /health HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
            let (answer, _) = pour(&mut stream, request.as_bytes(), request.len());
            refused_or_closed(&format!("{count} header lines"), &answer);
        }
    });
}

#[test]
fn header_lines_without_end_are_refused_before_they_cost_anything() {
    besieged(Deployment::new(), 256, |hub| {
        for piece in [&b"X-A: b\r\n"[..], b"x", b"X-Folded: a\r\n\tb\r\n"] {
            let mut stream = hub.connect();
            stream.write_all(b"GET /health HTTP/1.1\r\nHost: h\r\nX-Long: ").unwrap();
            let piece = piece.repeat(8192);
            let (answer, sent) = pour(&mut stream, &piece, 64 << 20);
            refused_or_closed("headers without end", &answer);
            assert!(sent < 64 << 20, "it took all {sent} bytes of them");
        }
    });
}

#[test]
fn a_header_of_ten_mebibytes_is_refused() {
    besieged(Deployment::new(), 256, |hub| {
        for name in ["X-Long", "Authorization", "Cookie", "Range", "If-None-Match", "Content-Type", "X-Request-Id"] {
            let mut stream = hub.connect();
            let request = format!("GET /health HTTP/1.1\r\nHost: h\r\n{name}: {}\r\n\r\n", "x".repeat(10 << 20));
            let (answer, _) = pour(&mut stream, request.as_bytes(), request.len());
            refused_or_closed(name, &answer);
        }
    });
}

#[test]
fn headers_as_long_as_any_client_sends_are_taken() {
    besieged(Deployment::new(), 256, |hub| {
        let request = hub.client().get("/health").header("X-Long", "x".repeat(60 << 10));
        request.send().expect(200);
        let many = (0..60).fold(hub.client().get("/health"), |request, number| {
            request.header(&format!("X-Header-{number}"), "some value")
        });
        many.send().expect(200);
    });
}

#[test]
fn an_address_of_a_mebibyte_is_refused() {
    besieged(Deployment::new(), 256, |hub| {
        for address in [
            format!("/{}", "x".repeat(1 << 20)),
            format!("/{}", "a/".repeat(1 << 19)),
            format!("/health?{}", "a=b&".repeat(1 << 18)),
            format!("/{}", "%41".repeat(350_000)),
        ] {
            let mut stream = hub.connect();
            let request = format!("GET {address} HTTP/1.1\r\nHost: h\r\n\r\n");
            let (answer, _) = pour(&mut stream, request.as_bytes(), request.len());
            refused_or_closed("an address of a mebibyte", &answer);
        }
    });
}

#[test]
fn an_address_of_tens_of_thousands_of_segments_is_read_as_quickly_as_another() {
    besieged(Deployment::new(), 256, |hub| {
        for address in
            ["/a".repeat(30_000), "/%2e%2e".repeat(8_000), format!("/a/b/resolve/main{}", "/x".repeat(25_000))]
        {
            let mut stream = hub.connect();
            stream
                .write_all(format!("GET {address} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").as_bytes())
                .unwrap();
            let answer = answer_of(&mut stream);
            assert!(!statuses(&answer).is_empty());
            refused_or_closed("an address of many segments", &answer);
        }
    });
}
