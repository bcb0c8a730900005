//! What xet-core wrote where a client writes nothing. `vectors/reference` writes it again.

use ballast_xet::shard::Shard;
use ballast_xet::xorb::{XorbFault, XorbReader};
use ballast_xet::{HmacKey, keyed};

use crate::content::{read_xorb, vector};

#[test]
fn a_footer_of_either_version_is_accepted_and_not_stored() {
    let body = vector("several-0.xorb");
    let known = read_xorb(&body).unwrap();
    for name in ["several-0.footer0", "several-0.footer1"] {
        let whole = [body.clone(), vector(name)].concat();
        for portion in [1, 1000, whole.len()] {
            let mut reader = XorbReader::new();
            let mut stored = vec![];
            for some in whole.chunks(portion) {
                reader.push(some).unwrap();
                let new = reader.to_store() as usize - stored.len();
                stored.extend_from_slice(&some[..new]);
            }
            assert!(stored == body, "{name} by {portion}");
            assert_eq!(reader.finish(), Ok(known.clone()), "{name} by {portion}");
        }
    }
}

#[test]
fn a_footer_that_is_cut_or_says_something_else_is_refused_but_for_its_spare_bytes() {
    let body = vector("several-0.xorb");
    for name in ["several-0.footer0", "several-0.footer1"] {
        let footer = vector(name);
        let spare = footer.len() - 20..footer.len() - 4;
        for at in 0..footer.len() {
            let mut other = footer.clone();
            other[at] ^= 1;
            let read = read_xorb(&[&body[..], &other].concat());
            assert_eq!(read.is_ok(), spare.contains(&at), "{name}, byte {at}");
            let cut = read_xorb(&[&body[..], &footer[..at]].concat());
            assert!(at == 0 || cut.unwrap_err().fault == XorbFault::Footer, "{at} bytes of {name}");
        }
        let longer = [&body[..], &footer, &[0]].concat();
        assert_eq!(read_xorb(&longer).unwrap_err().fault, XorbFault::Footer);
    }
}

#[test]
fn a_shard_with_tables_and_footer_says_what_the_one_without_says() {
    let sent = Shard::parse(&vector("several-0.shard")).unwrap();
    let mut full = Shard::parse(&vector("several-0.full.shard")).unwrap();
    assert_eq!(full.footer.take().unwrap().key, HmacKey::NONE);
    // A file that was sent twice is in it once, and both are in the order of their names.
    let (mut files, mut xorbs) = (sent.files.clone(), sent.xorbs.clone());
    files.sort_by_key(|file| file.file.to_string());
    files.dedup();
    xorbs.sort_by_key(|xorb| xorb.xorb.to_string());
    full.files.sort_by_key(|file| file.file.to_string());
    full.xorbs.sort_by_key(|xorb| xorb.xorb.to_string());
    assert_eq!((full.files, full.xorbs), (files, xorbs));
}

#[test]
fn a_keyed_shard_of_xet_core_has_the_hashes_that_our_key_gives() {
    let sent = Shard::parse(&vector("several-0.shard")).unwrap();
    let key = HmacKey([7; 32]);
    for name in ["several-0.keyed.shard", "several-0.bare.shard"] {
        let answer = Shard::parse(&vector(name)).unwrap();
        let footer = answer.footer.unwrap();
        assert_eq!((footer.key, footer.expires), (key, footer.created + 1_000_000));
        assert!(answer.files.is_empty() && answer.xorbs.len() == sent.xorbs.len());
        for xorb in answer.xorbs {
            let known = sent.xorbs.iter().find(|known| known.xorb == xorb.xorb).unwrap();
            let hashes = known.chunks.iter().map(|chunk| keyed(chunk.hash, &key));
            assert!(xorb.chunks.iter().map(|chunk| chunk.hash).eq(hashes), "{name}");
        }
    }
}
