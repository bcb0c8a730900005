//! Writing an answer about deduplication: a shard without files, whose chunks are named by keyed hashes.

use ballast_types::XetHash;

use super::{ELIGIBLE, END, FOOTER, FOOTER_VERSION, Footer, ROW, TAG, VERSION};
use crate::xorb::Record;
use crate::{HmacKey, keyed};

/// A shard that can be sent, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub bytes: Vec<u8>,
    pub xorbs: usize,
}

/// Puts an answer together, xorb by xorb.
pub struct AnswerWriter {
    footer: Footer,
    bytes: Vec<u8>,
    xorbs: usize,
    /// Sums that the footer tells.
    raw: u64,
    stored: u64,
}

impl AnswerWriter {
    /// An answer that clients may use until `footer.expires`: no xorb in it may be removed before.
    pub fn new(footer: Footer) -> Self {
        let mut bytes = Vec::with_capacity(4 * ROW + FOOTER);
        bytes.extend(TAG);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((FOOTER as u64).to_le_bytes());
        push_row(&mut bytes, END, [0; 4]);
        Self { footer, bytes, xorbs: 0, raw: 0, stored: 0 }
    }

    /// Adds a xorb. `begins_file` says of which chunks a file begins with them: clients may ask for those by hash.
    pub fn push(&mut self, xorb: XetHash, record: &Record, begins_file: impl Fn(usize) -> bool) {
        let count = record.len();
        let (raw, stored) = (record.raw_start(count), record.stored_start(count));
        self.bytes.reserve((count + 2) * ROW + FOOTER);
        push_row(&mut self.bytes, xorb, [0, count as u32, raw, stored]);
        for chunk in 0..count {
            let flags = if begins_file(chunk) { ELIGIBLE } else { 0 };
            let numbers = [record.raw_start(chunk), record.raw_len(chunk..chunk + 1), flags, 0];
            push_row(&mut self.bytes, keyed(record.hash(chunk), &self.footer.key), numbers);
        }
        self.xorbs += 1;
        self.raw += u64::from(raw);
        self.stored += u64::from(stored);
    }

    /// How long the answer is by now.
    pub fn length(&self) -> usize {
        self.bytes.len() + ROW + FOOTER
    }

    /// The answer, with its end and its footer. It has no tables for looking up: clients then read the chunks.
    pub fn finish(mut self) -> Answer {
        push_row(&mut self.bytes, END, [0; 4]);
        let (files, xorbs, end) = (ROW as u64, 2 * ROW as u64, self.bytes.len() as u64);
        let HmacKey(key) = self.footer.key;
        let mut numbers = |numbers: &[u64]| self.bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        numbers(&[FOOTER_VERSION, files, xorbs, end, 0, end, 0, end, 0]);
        self.bytes.extend(key);
        let mut numbers = |numbers: &[u64]| self.bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        numbers(&[self.footer.created, self.footer.expires]);
        numbers(&[0; 6]);
        numbers(&[self.stored, 0, self.raw, end]);
        Answer { bytes: self.bytes, xorbs: self.xorbs }
    }
}

fn push_row(bytes: &mut Vec<u8>, hash: XetHash, numbers: [u32; 4]) {
    bytes.extend(hash.0);
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}
