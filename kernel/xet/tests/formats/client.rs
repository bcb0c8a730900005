//! What hf_xet 1.8 and huggingface.js 2.17 said and sent. `vectors/make.py` and `vectors/make.mjs` ask them again.

use std::collections::HashMap;

use ballast_types::{Sha256, XetHash};
use ballast_xet::shard::{Shard, check_file, check_xorb};
use ballast_xet::xorb::{Record, XorbWriter};
use ballast_xet::{FileTerms, HmacKey, plan};
use serde_json::Value;
use sha2::Digest as _;

use crate::content::{chunks, content, decode, file_id, read_xorb, vector};

fn vectors() -> Value {
    serde_json::from_slice(&vector("vectors.json")).unwrap()
}

fn bytes_of(file: &Value) -> (Vec<u8>, XetHash) {
    let (kind, seed, length) = (file["kind"].as_str(), file["seed"].as_u64(), file["length"].as_u64());
    let bytes = content(kind.unwrap(), seed.unwrap(), length.unwrap() as usize);
    (bytes, file["file"].as_str().unwrap().parse().unwrap())
}

/// One upload.
struct Sent {
    name: String,
    files: Vec<(Vec<u8>, XetHash)>,
    xorbs: HashMap<XetHash, (Vec<u8>, Record)>,
    shard: Shard,
}

fn sent() -> Vec<Sent> {
    let all = vectors();
    let read = |sent: &Value| {
        let xorb = |(name, file): (&String, &Value)| {
            let body = vector(file.as_str().unwrap());
            let arrived = read_xorb(&body).unwrap();
            assert_eq!((arrived.xorb.to_string(), arrived.stored), (name.clone(), body.len() as u64));
            (arrived.xorb, (body, arrived.record))
        };
        let [shard] = &sent["shards"].as_array().unwrap()[..] else { panic!("one shard") };
        Sent {
            name: sent["name"].as_str().unwrap().to_owned(),
            files: sent["files"].as_array().unwrap().iter().map(bytes_of).collect(),
            xorbs: sent["xorbs"].as_object().unwrap().iter().map(xorb).collect(),
            shard: Shard::parse(&vector(shard.as_str().unwrap())).unwrap(),
        }
    };
    all["sent"].as_array().unwrap().iter().map(read).collect()
}

/// All xorbs together: in a later upload the client names what it remembers of an earlier one.
fn stored(all: &[Sent]) -> HashMap<XetHash, &(Vec<u8>, Record)> {
    all.iter().flat_map(|sent| &sent.xorbs).map(|(xorb, stored)| (*xorb, stored)).collect()
}

#[test]
fn files_have_the_names_that_the_client_gives_them() {
    let hashed = vectors();
    let hashed = hashed["hashed"].as_array().unwrap();
    assert!(hashed.len() >= 15);
    for file in hashed {
        let (bytes, expected) = bytes_of(file);
        assert_eq!(file_id(&bytes), expected, "{file}");
    }
}

#[test]
fn what_the_client_sends_is_read_and_every_file_of_it_passes_the_checks() {
    let all = sent();
    let stored = stored(&all);
    for Sent { name, files, xorbs, shard } in &all {
        assert_eq!(shard.footer, None);
        assert_eq!(shard.xorbs.len(), xorbs.len(), "{name}");
        for said in &shard.xorbs {
            let (body, record) = &xorbs[&said.xorb];
            assert_eq!(check_xorb(said, record), Ok(()), "{name}");
            assert_eq!(record.xorb_hash(), said.xorb);
            assert!(said.stored == 0 || said.stored as usize == body.len(), "{name}: {} bytes", said.stored);
        }
        let named: HashMap<XetHash, &Vec<u8>> = files.iter().map(|(bytes, file)| (*file, bytes)).collect();
        for file in &shard.files {
            let terms = check_file(file, |xorb| stored.get(xorb).map(|(_, record)| record)).unwrap();
            assert_eq!((terms.size(), file.size()), (named[&file.file].len() as u64, terms.size()), "{name}");
            let sha256: [u8; 32] = sha2::Sha256::digest(named[&file.file]).into();
            assert_eq!(file.sha256, Some(Sha256(sha256)), "{name}");
        }
        let empty = XetHash([0; 32]);
        for (_, file) in files {
            assert!(*file == empty || shard.files.iter().any(|said| said.file == *file), "{name}: {file}");
        }
    }
}

#[test]
fn files_are_put_together_again_out_of_the_xorbs_of_the_client() {
    let all = sent();
    let stored = stored(&all);
    for Sent { name, files, shard, .. } in &all {
        for (bytes, file) in files {
            let Some(said) = shard.files.iter().find(|said| said.file == *file) else { continue };
            let terms = FileTerms::new(&said.terms).unwrap();
            let plan = plan(&terms, None, |xorb| stored.get(xorb).map(|(_, record)| record)).unwrap();
            let mut again = vec![];
            for term in &plan.terms {
                let (body, record) = stored[&term.xorb];
                let run = term.chunks.start as usize..term.chunks.end as usize;
                let lies = record.stored(run.clone());
                let stored = &body[lies.start as usize..lies.end as usize];
                decode(record, run, stored, 10_000, &mut again).unwrap();
            }
            assert!(again == *bytes, "{name}: {file} differs");
        }
    }
}

#[test]
fn what_came_another_way_makes_the_xorb_that_the_client_would_have_sent() {
    for Sent { name, files, xorbs, .. } in sent().into_iter().filter(|sent| sent.files.len() == 1) {
        let (mut writer, mut stored) = (XorbWriter::new(), vec![]);
        // The client stores a chunk once, so repeated ones make no xorb alike.
        let mut seen = std::collections::HashSet::new();
        for chunk in chunks(&files[0].0) {
            if seen.insert(chunk.clone()) {
                writer.push(&chunk, &mut stored).unwrap();
            }
        }
        let written = writer.finish().unwrap();
        let (body, record) = &xorbs[&written.xorb];
        assert_eq!(written.record.len(), record.len(), "{name}");
        let longer = stored.len() as f64 / body.len() as f64;
        assert!(longer < 1.02, "{name}: {} bytes, the client has {}", stored.len(), body.len());
    }
}

#[test]
fn what_huggingface_js_sends_is_read_and_every_file_of_it_passes_the_checks() {
    let arrived = read_xorb(&vector("js-0.xorb")).unwrap();
    let shard = Shard::parse(&vector("js-0.shard")).unwrap();
    // Its footer has neither tables nor a key.
    assert_eq!(shard.footer.unwrap().key, HmacKey::NONE);
    let [xorb] = &shard.xorbs[..] else { panic!("{} xorbs", shard.xorbs.len()) };
    assert_eq!((xorb.xorb, check_xorb(xorb, &arrived.record)), (arrived.xorb, Ok(())));
    let files = [("random", 101, 3000), ("text", 102, 200_000), ("floats", 103, 12_002), ("zeros", 104, 400_000)];
    assert_eq!(shard.files.len(), files.len());
    for (kind, seed, length) in files {
        let bytes = content(kind, seed, length);
        let id = file_id(&bytes);
        let said = shard.files.iter().find(|said| said.file == id).unwrap_or_else(|| panic!("{kind} is not in it"));
        let known = |name: &XetHash| (*name == arrived.xorb).then_some(&arrived.record);
        assert_eq!(check_file(said, known).map(|terms| terms.size()), Ok(length as u64), "{kind}");
        let sha256: [u8; 32] = sha2::Sha256::digest(&bytes).into();
        assert_eq!(said.sha256, Some(Sha256(sha256)), "{kind}");
    }
}
