//! The fuzz targets over their committed seeds: what libFuzzer once found, and what it may begin with.

#[path = "../fuzz/targets/mod.rs"]
mod targets;

use std::path::Path;
use std::time::{Duration, Instant};

#[test]
fn every_reader_of_untrusted_bytes_keeps_its_promises_over_the_seeds() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    for (name, _) in targets::TARGETS {
        let mut count = 0;
        for entry in std::fs::read_dir(seeds.join(name)).unwrap_or_else(|error| panic!("{name}: {error}")) {
            let path = entry.unwrap().path();
            let (bytes, begun) = (std::fs::read(&path).unwrap(), Instant::now());
            if std::panic::catch_unwind(|| targets::run(name, &bytes)).is_err() {
                panic!("the target {name} fails on {}", path.display());
            }
            assert!(begun.elapsed() < Duration::from_secs(5), "{}: {:?}", path.display(), begun.elapsed());
            count += 1;
        }
        assert!(count > 5, "only {count} seeds for {name}");
    }
}

#[test]
fn every_reader_keeps_its_promises_over_seeds_that_are_damaged() {
    // A step of the fuzzer's, without it: each seed cut short, and with one byte another. Everywhere, or here and there.
    let places = if crate::siege::all() { usize::MAX } else { 40 };
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    for (name, target) in targets::TARGETS {
        let mut seeds: Vec<_> = std::fs::read_dir(seeds.join(name)).unwrap().map(|seed| seed.unwrap().path()).collect();
        seeds.sort();
        for path in seeds.iter().step_by(seeds.len().div_ceil(places).max(1)) {
            let bytes = std::fs::read(path).unwrap();
            for at in (0..bytes.len()).step_by(bytes.len().div_ceil(places).max(1)) {
                target(&bytes[..at]);
                for byte in [0, b'"', b'/', 0xff, bytes[at] ^ 1, bytes[at] ^ 0x80] {
                    let mut damaged = bytes.clone();
                    damaged[at] = byte;
                    target(&damaged);
                }
            }
        }
    }
}
