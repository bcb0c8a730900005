//! What readers of untrusted bytes promise, as functions that panic where a promise is broken. They are run over the
//! committed seeds by the ordinary tests, and over whatever libFuzzer thinks of by `tests/fuzz/run`.
//!
//! Not panicking is the least of it: what is read and written again is read as the same, what is made canonical stays
//! so, and nothing takes more memory than its input warrants.

mod address;
mod commit;
mod config;
mod lfs;
mod names;
mod node;
mod pack;
mod pkt;
mod range;
mod record;
mod shard;
mod xorb;

/// Takes any bytes; panics where a promise is broken.
type Target = fn(&[u8]);

/// Every target, by the name of its folder of seeds.
pub const TARGETS: [(&str, Target); 12] = [
    ("address", address::target),
    ("commit", commit::target),
    ("config", config::target),
    ("lfs", lfs::target),
    ("names", names::target),
    ("node", node::target),
    ("pack", pack::target),
    ("pkt", pkt::target),
    ("range", range::target),
    ("record", record::target),
    ("shard", shard::target),
    ("xorb", xorb::target),
];

/// Runs one of them.
pub fn run(name: &str, bytes: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of this name");
    target(bytes);
}
