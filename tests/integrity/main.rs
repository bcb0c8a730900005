//! What is stored stays what it is: random schedules that must lose nothing, flipped bits that must not be served, and
//! the commands that say so.
#![allow(clippy::unwrap_used)]

#[path = "../protocol/journey.rs"]
#[allow(dead_code)]
mod journey;
#[path = "../protocol/mutant.rs"]
mod mutant;
#[path = "../protocol/world.rs"]
#[allow(dead_code)]
mod world;

mod commands;
mod flipped;
mod linear;
mod model;
mod random;
mod schedule;
