//! Chance that can be repeated.

use std::cell::Cell;

/// Numbers by chance (xorshift64*, <https://en.wikipedia.org/wiki/Xorshift>).
pub struct Random(Cell<u64>);

impl Random {
    /// The same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        // Seeds that are near to each other begin far from each other, and none with nothing.
        Self(Cell::new((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1))
    }

    /// From 0 to below `end`.
    pub fn below(&self, end: usize) -> usize {
        let mut x = self.0.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0.set(x);
        (x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    /// True so many times of a hundred.
    pub fn percent(&self, chance: usize) -> bool {
        self.below(100) < chance
    }
}
