//! Memory for pieces of files, used again and again: fresh memory would be cleared by the system and by us before it is
//! read into, and would not lie in the processor's cache.

use std::mem;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// The longest buffer that is kept, in bytes: what is read at once, with the rest of the piece that it begins in.
const LONGEST: usize = (super::pieces::AT_HAND + super::SMALL) as usize;

/// The most that are kept: 10 MiB.
const MOST: usize = 32;

/// Those that nobody uses; the last one in is the first one out, since it is the warmest.
static FREE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Some memory, which goes back when it is dropped.
pub struct Buffer {
    memory: Vec<u8>,
    length: usize,
}

impl Buffer {
    /// With room for `length` bytes, whatever they are.
    pub fn new(length: usize) -> Self {
        let mut memory = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        if memory.len() < length {
            memory.resize(length, 0);
        }
        Self { memory, length }
    }

    /// The bytes, to be filled.
    pub fn bytes(&mut self) -> &mut [u8] {
        &mut self.memory[..self.length]
    }

    /// As what is sent; the memory goes back with the last of its slices.
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory[..self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        if self.memory.len() <= LONGEST && free.len() < MOST {
            free.push(mem::take(&mut self.memory));
        }
    }
}
