//! One call of the storage goes wrong, for every call of an upload with its commit, of reading it back and of a
//! collection, and every way in which it can. Each ends in success, or in an error that says what it is, and the same
//! again succeeds; nothing is missing or left over afterwards, and what was acknowledged is whole.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use ballast_contract::storage::UploadedPart;
use ballast_database::on_both;
use ballast_database::testing::Scratch;
use ballast_services::{
    CommitHeader, CommitOperation, Delivery, Depth, Destination, Failure, LfsObject, LfsUpload, VerifyOptions, Writable,
};
use ballast_storage_opendal::OpendalConfig;
use ballast_testkit::{Random, XetUpload};
use ballast_types::{ByteRange, RepoKind, Revision};
use ballast_xet::shard::Shard;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use crate::LATE;
use crate::faulty::{Fault, Faulty};
use crate::journey::{Files, Journey, new_repository, sha256};
use crate::world::{Kind, World};

/// The files of an upload: what goes in parts, by Xet, whole, and with the commit.
const PARTS: &str = "parts.bin";
const XET: &str = "xet.bin";
const WHOLE: &str = "whole.bin";
const SMALL: [&str; 2] = ["README.md", "src/a.py"];

/// A hub whose storage goes wrong when it is told to.
struct Trial {
    world: World,
    storage: Arc<Faulty>,
}

/// How something under a fault ended.
enum Ended<T> {
    Done(T),
    Failed(Failure),
    /// The storage never answered, and whoever waited went away.
    GaveUp,
}

impl Trial {
    async fn new(scratch: &Scratch) -> Self {
        let memory = ballast_storage_opendal::open(OpendalConfig::memory()).await.unwrap();
        let storage = Arc::new(Faulty::over(Arc::new(memory)));
        let world = World::over(&scratch.database, Kind::Sound, storage.clone()).await;
        Self { world, storage }
    }

    /// A repository without anything.
    async fn repository(&self, name: &str) -> Journey {
        self.world.at_present();
        self.world.hub.create_repository(&self.world.caller().await, new_repository(name)).await.unwrap();
        Journey::new(name)
    }

    /// Does something of which one call goes wrong; answers that call, none where there were fewer.
    async fn under<T>(
        &self,
        fault: Fault,
        before: usize,
        act: impl Future<Output = Result<T, Failure>>,
    ) -> (Ended<T>, Option<&'static str>) {
        self.storage.arm(fault, before);
        let ended = tokio::select! {
            ended = act => ended.map_or_else(Ended::Failed, Ended::Done),
            () = self.storage.silence() => Ended::GaveUp,
        };
        (ended, self.storage.disarm())
    }

    /// Whether all that is stored is what histories name. With `tidy`, nothing else is there either.
    async fn is_verified(&self, after: &str, tidy: bool) {
        let mut found = vec![];
        let options = VerifyOptions { depth: Depth::Bytes, side_by_side: 2 };
        let operator = self.world.other.operator();
        let mut told = |finding: Option<&ballast_services::Finding>, _: &_| found.extend(finding.cloned());
        let progress = operator.verify_storage(options, &mut told).await.unwrap();
        assert_eq!(progress.damage, 0, "{after}: {found:#?}");
        assert!(!tidy || found.is_empty(), "{after}: {found:#?}");
    }

    async fn writable(&self, journey: &Journey) -> Result<Writable, Failure> {
        let caller = self.world.caller().await;
        self.world.hub.writable(&caller, RepoKind::Model, "alice", &journey.name).await
    }

    /// An upload in every way that goes through the hub, and the commit that names it.
    async fn upload(&self, journey: &Journey) -> Result<(), Failure> {
        let repository = self.writable(journey).await?;
        let mut operations = vec![];
        for path in SMALL {
            operations.push(CommitOperation::AddFile { path: path.to_owned(), content: content(journey, path) });
        }
        self.send_whole(&repository, content(journey, WHOLE)).await?;
        self.send_in_parts(&repository, content(journey, PARTS)).await?;
        self.send_by_xet(journey, content(journey, XET)).await?;
        for path in [WHOLE, PARTS, XET] {
            let bytes = content(journey, path);
            let (sha256, size) = (sha256(&bytes), Some(bytes.len() as u64));
            operations.push(CommitOperation::AddLfs { path: path.to_owned(), sha256, size });
        }
        let header = CommitHeader { summary: "an upload".to_owned(), description: String::new(), parent: None };
        let lines = stream::iter(operations.into_iter().map(Ok));
        let made = repository.commit(&Revision::main(), header, lines).await?;
        let files = SMALL.into_iter().chain([WHOLE, PARTS, XET]);
        journey
            .acknowledge_files(made.id, files.map(|path| (path.to_owned(), content(journey, path))).collect::<Files>());
        Ok(())
    }

    async fn send_whole(&self, repository: &Writable, bytes: Bytes) -> Result<(), Failure> {
        let object = LfsObject { sha256: sha256(&bytes), size: bytes.len() as u64 };
        match &repository.lfs_upload(&[object], false).await?[0] {
            LfsUpload::Stored => Ok(()),
            LfsUpload::Whole { ticket, .. } => {
                let ticket = self.world.hub.read_ticket(ticket, object.sha256)?;
                self.world.hub.receive_object(&ticket, body(bytes)).await
            }
            other => panic!("{other:?}"),
        }
    }

    async fn send_in_parts(&self, repository: &Writable, bytes: Bytes) -> Result<(), Failure> {
        let object = LfsObject { sha256: sha256(&bytes), size: bytes.len() as u64 };
        match &repository.lfs_upload(&[object], true).await?[0] {
            LfsUpload::Stored => Ok(()),
            LfsUpload::Parts { ticket, part_size, parts, .. } => {
                let (hub, mut sent) = (&self.world.hub, vec![]);
                let ticket = hub.read_ticket(ticket, object.sha256)?;
                for number in 1..=*parts {
                    let start = (number - 1) as usize * *part_size as usize;
                    let piece = bytes.slice(start..bytes.len().min(start + *part_size as usize));
                    let etag = hub.receive_part(&ticket, number, body(piece)).await?;
                    sent.push(UploadedPart { number, etag });
                }
                assert!(sent.len() > 1, "{} parts", sent.len());
                hub.complete_upload(&ticket, &sent).await
            }
            other => panic!("{other:?}"),
        }
    }

    async fn send_by_xet(&self, journey: &Journey, bytes: Bytes) -> Result<(), Failure> {
        let (hub, caller) = (&self.world.hub, self.world.caller().await);
        let to = Destination::Ref(Revision::main());
        let repository = hub.uploading(&caller, RepoKind::Model, "alice", &journey.name, &to).await?;
        let token = repository.xet_write_token(to).await?;
        let writer = hub.xet_writer(Some(&token.value)).await?;
        let upload = XetUpload::of(&bytes);
        writer.receive_xorb(upload.xorb, Some(upload.stored.len() as u64), body(upload.stored.clone())).await?;
        let shard = Shard::parse(&upload.shard()).unwrap();
        writer.register_shard(&shard, &AtomicUsize::new(0)).await.map(drop)
    }

    /// Reads what was acknowledged: each file is whole, or an error; answers the first.
    async fn read_all(&self, journey: &Journey) -> Result<(), Failure> {
        let caller = self.world.caller().await;
        let repository = self.world.hub.downloadable(&caller, RepoKind::Model, "alice", &journey.name).await?;
        for (id, files) in journey.acknowledged() {
            for (path, bytes) in files {
                let file = repository.resolve_file(&Revision::new(id.to_string()), &path).await?;
                let stream = match file.open(ByteRange::whole(file.size())).await? {
                    Delivery::Stream(stream) => stream,
                    Delivery::Chunks(chunks) => chunks.into_stream(),
                    Delivery::File { .. } => unreachable!("the store of this test is memory"),
                };
                let read = stream.try_collect::<Vec<Bytes>>().await?.concat();
                assert_eq!(read, &bytes[..], "{path} was read without an error");
            }
        }
        Ok(())
    }

    async fn delete(&self, journey: &Journey) {
        let (hub, caller) = (&self.world.hub, self.world.caller().await);
        let handle = hub.administering(&caller, RepoKind::Model, "alice", &journey.name).await.unwrap();
        handle.delete().await.unwrap();
    }
}

fn body(bytes: Bytes) -> ballast_contract::ByteStream {
    let half = bytes.len() / 2;
    stream::iter([Ok(bytes.slice(..half)), Ok(bytes.slice(half..))]).boxed()
}

/// Bytes that only this file of this journey has.
fn content(journey: &Journey, path: &str) -> Bytes {
    let length = match path {
        PARTS => 3 * crate::world::PART as usize - 100,
        XET => 40_000,
        _ => return journey.bytes(path),
    };
    let seed =
        journey.bytes(path).iter().fold(1_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    let random = Random::new(seed);
    (0..length).map(|_| random.below(256) as u8).collect()
}

/// Whether an error says what it is: that the storage failed, or that what came of it is not what it should be.
fn is_clean(failure: &Failure, fault: Fault) -> bool {
    match failure {
        Failure::Unavailable(error) => !error.context.is_empty(),
        // A part that does not come back as it was given is asked for again; an object that was kept short is a fault of
        // the storage.
        Failure::Invalid(_) | Failure::Damaged(_) => matches!(fault, Fault::Short | Fault::Wrong),
        Failure::Broken(error) => fault == Fault::Short && error.context.contains("kept"),
        _ => false,
    }
}

on_both! {
    async fn an_upload_of_which_any_call_to_the_storage_fails_succeeds_or_says_so_and_succeeds_again(scratch: &Scratch) {
        let trial = Trial::new(scratch).await;
        for fault in Fault::ALL {
            for before in 0.. {
                let journey = trial.repository(&format!("up-{fault:?}-{before}").to_lowercase()).await;
                let (ended, struck) = trial.under(fault, before, trial.upload(&journey)).await;
                let Some(call) = struck else {
                    assert!(matches!(ended, Ended::Done(())), "nothing went wrong with {}", journey.name);
                    let least = match fault { Fault::Wrong => 2, Fault::Short => 8, _ => 20 };
                    assert!(before >= least, "{fault:?} met {before} calls only");
                    trial.delete(&journey).await;
                    break;
                };
                let after = format!("{fault:?} of call {before}, {call}");
                if let Ended::Failed(failure) = &ended {
                    assert!(is_clean(failure, fault), "{after}: {failure:?}");
                }
                trial.is_verified(&after, false).await;
                let again = trial.upload(&journey).await;
                assert!(again.is_ok(), "{after}: the same again: {again:?}");
                trial.world.later(LATE);
                trial.world.comes_to_rest(&journey).await;
                trial.is_verified(&after, true).await;
                trial.delete(&journey).await;
                trial.world.is_empty_once_everything_is_deleted().await;
            }
        }
    }

    async fn what_is_read_while_a_call_to_the_storage_fails_is_whole_or_an_error(scratch: &Scratch) {
        let trial = Trial::new(scratch).await;
        let journey = trial.repository("read").await;
        trial.upload(&journey).await.unwrap();
        for fault in Fault::ALL {
            for before in 0.. {
                let (ended, struck) = trial.under(fault, before, trial.read_all(&journey)).await;
                let Some(call) = struck else {
                    assert!(before >= 4, "{fault:?} met {before} calls only");
                    break;
                };
                if let Ended::Failed(failure) = &ended {
                    assert!(is_clean(failure, fault), "{fault:?} of call {before}, {call}: {failure:?}");
                }
                // What has read badly is looked at again beside, and is whole.
                trial.is_verified(&format!("{fault:?} of call {before}, {call}"), false).await;
                trial.read_all(&journey).await.unwrap();
            }
        }
    }

    async fn a_collection_of_which_any_call_to_the_storage_fails_is_finished_by_the_next(scratch: &Scratch) {
        let trial = Trial::new(scratch).await;
        for fault in [Fault::Refused, Fault::TimedOut, Fault::Silent] {
            for before in 0.. {
                let stays = trial.repository(&format!("stays-{fault:?}-{before}").to_lowercase()).await;
                let goes = trial.repository(&format!("goes-{fault:?}-{before}").to_lowercase()).await;
                trial.upload(&stays).await.unwrap();
                trial.upload(&goes).await.unwrap();
                trial.delete(&goes).await;
                trial.world.later(LATE);
                // The second takes the xorb, whose grace begins when its file has gone.
                let collections = async {
                    trial.world.other.collect().await?;
                    trial.world.other.collect().await.map(drop)
                };
                let (_, struck) = trial.under(fault, before, collections).await;
                let after = format!("{fault:?} of call {before} of a collection, {struck:?}");
                trial.world.comes_to_rest(&stays).await;
                trial.world.later(Duration::from_secs(3600));
                trial.world.other.collect().await.unwrap();
                trial.is_verified(&after, true).await;
                trial.delete(&stays).await;
                trial.world.is_empty_once_everything_is_deleted().await;
                if struck.is_none() {
                    assert!(before >= 4, "{fault:?} met {before} calls only");
                    break;
                }
            }
        }
    }
}
