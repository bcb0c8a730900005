//! Memory for pieces of files, used again and again: fresh memory would be cleared by the system and by us before it is
//! read into, and would not lie in the processor's cache.

use std::mem;
use std::sync::{Mutex, PoisonError};

/// Buffers of one sort that nobody uses; the last one in is the first one out, since it is the warmest.
struct Shelf {
    /// The longest that are put here, in bytes.
    longest: usize,
    free: Mutex<Vec<Vec<u8>>>,
}

/// How many lie on a shelf at most.
const MOST: usize = 32;

/// Short pieces have memory of their own length, since there are many where clients do not read; long ones are
/// what is read at once, with the rest of the piece that it begins in. Together 12 MiB.
static SHELVES: [Shelf; 2] = [
    Shelf { longest: super::SMALL as usize, free: Mutex::new(Vec::new()) },
    Shelf { longest: (super::pieces::AT_HAND + super::SMALL) as usize, free: Mutex::new(Vec::new()) },
];

impl Shelf {
    /// Where buffers of this length lie, if they are kept.
    fn of(length: usize) -> Option<&'static Self> {
        SHELVES.iter().find(|shelf| length <= shelf.longest)
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Some memory, which goes back when it is dropped.
pub struct Buffer {
    memory: Vec<u8>,
    length: usize,
}

impl Buffer {
    /// With room for `length` bytes, whatever they are.
    pub fn new(length: usize) -> Self {
        let mut memory = Shelf::of(length).and_then(|shelf| shelf.free().pop()).unwrap_or_default();
        if memory.len() < length {
            memory.resize(length, 0);
        }
        Self { memory, length }
    }

    /// The bytes, to be filled.
    pub fn bytes(&mut self) -> &mut [u8] {
        &mut self.memory[..self.length]
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory[..self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let Some(shelf) = Shelf::of(self.memory.len()) else { return };
        let mut free = shelf.free();
        if free.len() < MOST {
            free.push(mem::take(&mut self.memory));
        }
    }
}
