//! What can go wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use ballast_sdk::schemars::{self, JsonSchema};
use serde::Deserialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A panic.
    Panic,
    /// A panic when what was made there is dropped.
    PanicInDrop,
    /// It never answers, and lets others go on.
    Never,
    /// It never answers, and blocks its thread.
    Block,
    /// One byte, or key, fewer than there are.
    Fewer,
    /// One more.
    More,
}

/// What goes wrong, by where.
#[derive(Clone, Debug)]
pub struct Faults(pub BTreeMap<String, Fault>);

impl Faults {
    pub fn of(&self, place: &str) -> Option<Fault> {
        self.0.get(place).copied()
    }

    /// Goes wrong where nobody can wait.
    pub fn at_once(&self, place: &str) {
        match self.of(place) {
            Some(Fault::Panic) => panic!("on purpose, in {place}"),
            Some(Fault::Block) => loop {
                std::thread::park_timeout(Duration::from_secs(3600));
            },
            _ => {}
        }
    }

    /// Goes wrong; answers what panics when it is dropped, where that was asked for.
    pub async fn here(&self, place: &'static str) -> Option<Trap> {
        self.at_once(place);
        match self.of(place) {
            Some(Fault::Never) => std::future::pending().await,
            Some(Fault::PanicInDrop) => Some(Trap(place)),
            _ => None,
        }
    }

    /// How many there are said to be of so many.
    pub fn bent(&self, place: &str, number: u64) -> u64 {
        match self.of(place) {
            Some(Fault::Fewer) => number.saturating_sub(1),
            Some(Fault::More) => number + 1,
            _ => number,
        }
    }
}

/// Panics when it is dropped.
pub struct Trap(&'static str);

impl Drop for Trap {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("on purpose, in the drop of {}", self.0);
        }
    }
}
