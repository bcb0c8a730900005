//! Files that come by Xet.

use std::sync::atomic::{AtomicU64, Ordering};

use ballast_testkit::XetUpload;
use ballast_tests::Request;
use ballast_xet::shard::ShardFile;

use super::world::World;
use crate::xet::{Session, noise};

impl World {
    /// A file of so many terms, whose xorb is sent.
    pub(super) fn in_terms(&self, terms: usize) -> (Session, XetUpload) {
        let session = Session::to_write(&self.wide);
        let chunk = XetUpload::of(&noise(1_000, 40));
        session.send_xorb(chunk.xorb, &chunk.stored).expect(200);
        (session, chunk.rearranged(&vec![0..1; terms]))
    }

    pub(super) fn shard(&self, terms: usize) -> Request {
        let (session, upload) = self.in_terms(terms);
        session.client.post("/xet/v2/shards").body(upload.shard())
    }

    /// A file in so many xorbs, all of which are sent.
    pub(super) fn in_xorbs(&self, xorbs: usize) -> (Session, ShardFile) {
        let session = Session::to_write(&self.wide);
        let chunks: Vec<XetUpload> =
            (0..xorbs).map(|number| XetUpload::of(&noise(500, 1_000 + number as u64))).collect();
        for chunk in &chunks {
            session.send_xorb(chunk.xorb, &chunk.stored).expect(200);
        }
        (session, XetUpload::joined(&chunks))
    }

    pub(super) fn reconstruction_of_xorbs(&self, xorbs: usize) -> Request {
        let (session, file) = self.in_xorbs(xorbs);
        session.send_shard(&XetUpload::shard_of([&file])).expect(200);
        session.client.get(format!("/xet/v1/reconstructions/{}", file.file))
    }

    pub(super) fn reconstruction(&self, version: &str, terms: usize) -> Request {
        let (session, upload) = self.in_terms(terms);
        session.send_shard(&upload.shard()).expect(200);
        session.client.get(format!("/xet/{version}/reconstructions/{}", upload.file.file))
    }

    /// So many files of one xorb, none of which the hub knows.
    pub(super) fn shard_of_files(&self, files: usize) -> Request {
        static SENT: AtomicU64 = AtomicU64::new(10_000);
        let session = Session::to_write(&self.wide);
        let chunk = XetUpload::of(&noise(1_000, SENT.fetch_add(1, Ordering::Relaxed)));
        session.send_xorb(chunk.xorb, &chunk.stored).expect(200);
        let files: Vec<ShardFile> = (1..=files).map(|terms| chunk.rearranged(&vec![0..1; terms]).file).collect();
        session.client.post("/xet/v2/shards").body(XetUpload::shard_of(&files))
    }
}
