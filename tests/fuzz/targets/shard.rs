//! A shard is no more than its rows, and says nothing that is true without the xorbs.

use ballast_types::XetHash;
use ballast_xet::FileTerms;
use ballast_xet::shard::{Shard, check_file};

pub fn target(bytes: &[u8]) {
    let shard = match Shard::parse(bytes) {
        Ok(shard) => shard,
        Err(error) => {
            assert!(error.at <= bytes.len() && error.to_string().len() < 200, "{error}");
            return;
        }
    };
    let rows: usize = shard.files.iter().map(|file| file.terms.len() + file.term_hashes.len() + 1).sum();
    let rows = rows + shard.xorbs.iter().map(|xorb| xorb.chunks.len() + 1).sum::<usize>();
    assert!(rows * 48 <= bytes.len(), "{rows} rows out of {} bytes", bytes.len());
    for file in &shard.files {
        let empty = file.terms.is_empty() && file.term_hashes.is_empty() && file.file == XetHash([0; 32]);
        assert_eq!(check_file(file, |_| None).is_ok(), empty, "{file:?}");
        let terms = FileTerms::new(&file.terms).expect("terms that were read");
        assert_eq!(terms.size(), file.size());
    }
    for xorb in &shard.xorbs {
        assert_eq!(xorb.chunks.iter().map(|chunk| chunk.length).sum::<u32>(), xorb.raw);
    }
}
