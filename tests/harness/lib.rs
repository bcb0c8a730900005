//! What the tests share: starting a real hub and talking to it.

pub mod hub;
