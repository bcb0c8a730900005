//! Xorbs that are damaged, or were made to do damage.

use ballast_xet::xorb::{FrameFault, InvalidXorb, RunReader, XorbFault, XorbReader};
use ballast_xet::{MAX_CHUNK, MAX_XORB, MAX_XORB_CHUNKS};

use crate::content::{content, decode, read_xorb, xorb};

fn sample() -> Vec<u8> {
    let chunks = [content("random", 1, 60), content("text", 2, 900), content("floats", 3, 401)];
    let (stored, written) = xorb(chunks.iter().map(Vec::as_slice));
    assert_eq!(written.record.len(), 3);
    stored
}

fn header(scheme: u8, stored: u32, raw: u32) -> Vec<u8> {
    let ([a, b, c, _], [d, e, f, _]) = (stored.to_le_bytes(), raw.to_le_bytes());
    vec![0, a, b, c, scheme, d, e, f]
}

fn fault(body: &[u8]) -> XorbFault {
    read_xorb(body).unwrap_err().fault
}

#[test]
fn a_body_that_ends_early_is_refused_at_every_byte_or_is_fewer_chunks_under_another_name() {
    let whole = sample();
    let known = read_xorb(&whole).unwrap();
    let ends: Vec<u32> = known.record.stored_ends().collect();
    for end in 0..whole.len() {
        match read_xorb(&whole[..end]) {
            Ok(read) => {
                assert!(ends.contains(&(end as u32)) && read.xorb != known.xorb, "{end} bytes");
            }
            Err(error) => assert!(!ends.contains(&(end as u32)), "{end} bytes: {error}"),
        }
    }
    assert_eq!(fault(&[]), XorbFault::Empty);
    let error = read_xorb(&whole[..whole.len() - 1]).unwrap_err();
    assert_eq!(error, InvalidXorb { chunk: 2, at: u64::from(ends[1]), fault: XorbFault::Truncated });
    assert_eq!(error.to_string(), format!("chunk 2, at byte {}: the body ends inside it", ends[1]));
}

#[test]
fn no_flipped_bit_leaves_the_name_of_the_xorb() {
    let whole = sample();
    let known = read_xorb(&whole).unwrap();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut body = whole.clone();
            body[at] ^= 1 << bit;
            if let Ok(read) = read_xorb(&body) {
                // LZ4 has several ways to say the same; then the chunks are the same, byte for byte.
                let same = read.xorb == known.xorb && read.record == known.record;
                assert!(same || read.xorb != known.xorb, "bit {bit} of byte {at}");
            }
        }
    }
}

#[test]
fn a_header_that_no_chunk_has_is_refused_before_anything_is_allocated() {
    let most = MAX_CHUNK as u32;
    assert_eq!(fault(&[1, 1, 0, 0, 0, 1, 0, 0, 7]), XorbFault::Version(1));
    for scheme in [3, 99, 255] {
        assert_eq!(fault(&[header(scheme, 1, 1), vec![7]].concat()), XorbFault::Scheme(scheme));
    }
    for raw in [0, most + 1, 0xff_ffff] {
        assert_eq!(fault(&header(1, 10, raw)), XorbFault::ChunkLength { raw });
    }
    for (scheme, stored, raw) in [(1, 0, 1), (1, 2 * most + 1, 9), (2, 0xff_ffff, 9), (0, 8, 9), (0, 10, 9)] {
        assert_eq!(fault(&header(scheme, stored, raw)), XorbFault::StoredLength { raw, stored });
    }
}

#[test]
fn a_chunk_of_more_or_fewer_bytes_than_announced_is_refused_also_when_it_is_a_bomb() {
    let (stored, _) = xorb([&vec![0; MAX_CHUNK][..]]);
    for raw in [1, 1000, MAX_CHUNK as u32 - 1] {
        let bomb = [header(1, stored.len() as u32 - 8, raw), stored[8..].to_vec()].concat();
        assert_eq!(fault(&bomb), XorbFault::Compression(FrameFault::Length), "{raw} bytes");
    }
    let (stored, _) = xorb([&vec![0; 1000][..]]);
    let long = [header(1, stored.len() as u32 - 8, 1001), stored[8..].to_vec()].concat();
    assert_eq!(fault(&long), XorbFault::Compression(FrameFault::Length));
}

#[test]
fn no_more_chunks_and_bytes_are_taken_than_a_xorb_may_have() {
    let chunk = [header(0, 1, 1), vec![7]].concat();
    let body = chunk.repeat(MAX_XORB_CHUNKS);
    assert_eq!(read_xorb(&body).unwrap().record.len(), MAX_XORB_CHUNKS);
    assert_eq!(fault(&chunk.repeat(MAX_XORB_CHUNKS + 1)), XorbFault::TooManyChunks);

    let chunk = [header(0, MAX_CHUNK as u32, MAX_CHUNK as u32), vec![7; MAX_CHUNK]].concat();
    let mut reader = XorbReader::new();
    let taken = (0..).find(|_| reader.push(&chunk).is_err()).unwrap();
    assert!(taken * chunk.len() <= MAX_XORB && (taken + 1) * chunk.len() > MAX_XORB, "{taken} chunks");
}

#[test]
fn what_follows_the_chunks_is_refused_unless_it_is_their_footer() {
    let whole = sample();
    assert_eq!(fault(&[&whole[..], &[0]].concat()), XorbFault::Truncated);
    for tail in [&b"X"[..], b"XETBLOB", b"XETBLOB\x01", b"XETBLOB\x00____", &[b'X'; 400_000], &[b'X'; 500_000]] {
        assert_eq!(fault(&[&whole, tail].concat()), XorbFault::Footer, "{} bytes", tail.len());
    }
    assert_eq!(fault(b"XETBLOB"), XorbFault::Empty);
}

#[test]
fn stored_bytes_that_a_disk_has_changed_do_not_go_out() {
    let whole = sample();
    let record = read_xorb(&whole).unwrap().record;
    let known = content("random", 1, 60);
    for at in 0..whole.len() {
        let mut body = whole.clone();
        body[at] ^= 4;
        let mut raw = vec![];
        let read = decode(&record, 0..3, &body, 100, &mut raw);
        // What came out before the fault is right.
        assert!(raw.len() < 60 || raw.starts_with(&known), "byte {at}");
        assert!(read.is_err() || raw.len() == 60 + 900 + 401, "byte {at}");
    }
    let mut body = whole.clone();
    body[8] ^= 1;
    let error = decode(&record, 0..3, &body, 100, &mut vec![]).unwrap_err();
    assert!(matches!(error, InvalidXorb { chunk: 0, at: 0, fault: XorbFault::OtherBytes { .. } }), "{error}");
}

#[test]
fn a_run_that_is_cut_short_or_runs_on_is_noticed() {
    let whole = sample();
    let record = read_xorb(&whole).unwrap().record;
    let ends: Vec<usize> = record.stored_ends().map(|end| end as usize).collect();
    let reader = RunReader::new(&record, 0..3);
    assert_eq!(reader.finish().unwrap_err().fault, XorbFault::NoSuchChunks { asked: 3 });
    let run = |bytes: &[u8]| decode(&record, 1..2, bytes, 10, &mut vec![]).unwrap_err();
    let error = run(&whole[ends[0]..ends[1] - 1]);
    assert_eq!(error, InvalidXorb { chunk: 1, at: ends[0] as u64, fault: XorbFault::Truncated });
    let error = run(&whole[ends[0]..]);
    assert_eq!(error, InvalidXorb { chunk: 2, at: ends[1] as u64, fault: XorbFault::TooManyChunks });
}
