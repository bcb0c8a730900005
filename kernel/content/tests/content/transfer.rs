//! From one storage instance to another.

use std::collections::BTreeMap;
use std::sync::Arc;

use ballast_content::{Content, ContentOptions, Kept, ToTransfer, Transferred};
use ballast_contract::Component;
use ballast_contract::storage::Storage;
use ballast_database::on_both;
use ballast_database::testing::Scratch;
use ballast_storage_opendal::OpendalConfig;
use ballast_types::{ByteRange, LeaseId, RepoKey, Sha256, Timestamp};
use bytes::Bytes;

use crate::world::{ALICE, BOB, GRACE, in_an_hour, much_later, pattern, read_from, receive, sha256, store_all};

/// Two storage instances, `old` and `new`, and a node that sends uploads to each.
struct Two {
    old: Arc<dyn Storage>,
    new: Arc<dyn Storage>,
    before: Content,
    after: Content,
}

async fn memory() -> Arc<dyn Storage> {
    let storage = ballast_storage_opendal::open(OpendalConfig::memory()).await.unwrap();
    storage.start().await.unwrap();
    Arc::new(storage)
}

impl Two {
    async fn over(scratch: &Scratch) -> Self {
        let (old, new) = (memory().await, memory().await);
        let node = |default: &str| {
            let stores = BTreeMap::from([("old".to_owned(), old.clone()), ("new".to_owned(), new.clone())]);
            let options = ContentOptions { grace: GRACE, ..ContentOptions::default() };
            Content::new(scratch.database.clone(), stores, default.to_owned(), options).unwrap()
        };
        let (before, after) = (node("old"), node("new"));
        before.migrate().await.unwrap();
        Self { old, new, before, after }
    }

    async fn lease(&self) -> LeaseId {
        self.before.create_lease(RepoKey(0), in_an_hour()).await.unwrap()
    }

    /// Copies all there is; what became of each object.
    async fn copy(&self) -> Vec<Transferred> {
        let lease = self.lease().await;
        let mut all = Vec::new();
        for pack in self.before.list_to_transfer("old", "new", None, 1000).await.unwrap() {
            all.push(self.before.transfer_object(lease, &pack, "new").await.unwrap());
        }
        self.before.drop_lease(lease).await.unwrap();
        all
    }

    async fn leave(&self) -> u64 {
        let (mut after, mut sum) = (None, 0);
        loop {
            let (left, next) = self.after.leave_storage("old", "new", after).await.unwrap();
            sum += left;
            if next.is_none() {
                return sum;
            }
            after = next;
        }
    }

    async fn waiting(&self) -> ToTransfer {
        self.before.count_to_transfer("old", "new").await.unwrap()
    }
}

async fn hold(content: &Content, repo: RepoKey, texts: &[&str], large: &[Bytes]) -> Vec<Sha256> {
    let lease = content.create_lease(repo, in_an_hour()).await.unwrap();
    let files = texts.iter().map(|text| Bytes::from((*text).to_owned())).collect();
    let mut digests: Vec<Sha256> =
        store_all(content, lease, files).await.unwrap().iter().map(|file| file.sha256).collect();
    for bytes in large {
        digests.push(receive(content, lease, bytes).await.unwrap().sha256);
    }
    content.hold(lease, &digests).await.unwrap();
    content.confirm(lease, &[]).await.unwrap();
    content.drop_lease(lease).await.unwrap();
    digests
}

async fn keys(storage: &Arc<dyn Storage>) -> Vec<String> {
    storage.list(None, 1000).await.unwrap().items.iter().map(ToString::to_string).collect()
}

async fn whole(content: &Content, sha256: Sha256, size: usize) -> Vec<u8> {
    read_from(content, sha256, ByteRange::whole(size as u64)).await.unwrap()
}

on_both! {
    async fn what_was_copied_is_read_from_where_a_node_prefers_it_and_stays_when_the_old_place_is_left(scratch: &Scratch) {
        let two = Two::over(scratch).await;
        let large = pattern(200_000, 1);
        let digests = hold(&two.before, ALICE, &["one", "two", ""], std::slice::from_ref(&large)).await;
        assert_eq!(two.waiting().await, ToTransfer { objects: 2, bytes: 200_006 });
        let copied = two.copy().await;
        assert_eq!(copied.iter().map(|copied| (copied.blobs, copied.bytes)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1)), (4, 200_006));
        assert_eq!(two.waiting().await, ToTransfer::default());
        assert!(two.copy().await.is_empty(), "there is nothing left to do");
        let key = format!("lfs/{0}/{1}/{2}", &digests[3].to_string()[..2], &digests[3].to_string()[2..4], digests[3]);
        assert!(keys(&two.new).await.contains(&key), "an operator finds it under its digest");

        assert_eq!(two.leave().await, 4);
        two.after.sweep(Timestamp::now()).await.unwrap();
        assert_eq!(two.after.count_kept("old").await.unwrap(), Kept::default());
        assert!(keys(&two.old).await.is_empty());
        for content in [&two.before, &two.after] {
            assert_eq!(whole(content, digests[0], 3).await, b"one");
            assert_eq!(whole(content, digests[2], 0).await, b"");
            assert_eq!(whole(content, digests[3], 200_000).await, large);
        }
    }

    async fn leaving_takes_no_blob_from_its_last_whole_place(scratch: &Scratch) {
        let two = Two::over(scratch).await;
        let copied = hold(&two.before, ALICE, &["copied"], &[]).await[0];
        two.copy().await;
        let only = hold(&two.before, ALICE, &["only in the old one"], &[]).await[0];
        let damaged = hold(&two.before, BOB, &["damaged in the new one"], &[]).await[0];
        two.copy().await;
        let stays = hold(&two.before, BOB, &["came last"], &[]).await[0];
        // What was copied of one of them is lost.
        for key in keys(&two.new).await {
            let key = key.parse().unwrap();
            if two.new.stat(&key).await.unwrap() == 22 {
                two.new.delete(&key).await.unwrap();
            }
        }
        two.after.examine(damaged).await.unwrap();
        assert_eq!(two.leave().await, 2);
        two.after.sweep(Timestamp::now()).await.unwrap();
        for (sha256, text) in [(copied, "copied"), (only, "only in the old one"), (damaged, "damaged in the new one"), (stays, "came last")] {
            assert_eq!(whole(&two.after, sha256, text.len()).await, text.as_bytes());
        }
        // The next copy heals the place that was damaged.
        assert_eq!(two.copy().await.iter().map(|copied| copied.blobs).sum::<u64>(), 2);
        assert_eq!(two.leave().await, 2);
        assert_eq!(whole(&two.after, damaged, 22).await, b"damaged in the new one");
    }

    async fn a_blob_that_is_not_what_was_stored_is_recorded_and_its_pack_copied_without_it(scratch: &Scratch) {
        let two = Two::over(scratch).await;
        let large = pattern(100_000, 3);
        let digests = hold(&two.before, ALICE, &["first", "second", "third"], std::slice::from_ref(&large)).await;
        for key in keys(&two.old).await {
            let key = key.parse().unwrap();
            let size = two.old.stat(&key).await.unwrap();
            let mut bytes = match size { 100_000 => large.to_vec(), _ => b"firstsecondthird".to_vec() };
            bytes[7] ^= 1;
            let mut writer = two.old.create(&key).await.unwrap();
            writer.write(bytes.into()).await.unwrap();
            writer.commit().await.unwrap();
        }
        let copied = two.copy().await;
        assert_eq!(copied.iter().map(|copied| copied.blobs).sum::<u64>(), 2, "{copied:?}");
        let mut bad: Vec<Sha256> = copied.iter().flat_map(|copied| &copied.bad).map(|bad| bad.sha256).collect();
        bad.sort_unstable();
        let mut expected = vec![digests[1], digests[3]];
        expected.sort_unstable();
        assert_eq!(bad, expected);
        assert_eq!(keys(&two.new).await.len(), 1, "nothing of the large one stays");
        assert!(read_from(&two.after, digests[1], ByteRange::whole(6)).await.is_err());
        assert_eq!(whole(&two.after, digests[2], 5).await, b"third");
        assert_eq!(two.leave().await, 2);
        assert_eq!(two.waiting().await.objects, 2, "they are not forgotten");
    }

    async fn what_is_collected_while_it_is_copied_gets_no_second_place(scratch: &Scratch) {
        let two = Two::over(scratch).await;
        let lease = two.before.create_lease(ALICE, in_an_hour()).await.unwrap();
        store_all(&two.before, lease, vec![Bytes::from("nobody names this")]).await.unwrap();
        let found = two.before.list_to_transfer("old", "new", None, 10).await.unwrap();
        two.before.drop_lease(lease).await.unwrap();
        let copying = two.before.create_lease(RepoKey(0), much_later().after(GRACE * 10)).await.unwrap();
        // The bytes are read, and the row goes before they are placed: the same as a copy that comes too late.
        let bytes = two.before.transfer_object(copying, &found[0], "new").await.unwrap();
        assert_eq!(bytes.blobs, 1);
        two.before.sweep(much_later()).await.unwrap();
        assert!(keys(&two.old).await.is_empty() && keys(&two.new).await.is_empty(), "a blob goes from both");
        let late = two.before.transfer_object(copying, &found[0], "new").await.unwrap();
        assert_eq!((late.blobs, late.bad.len()), (0, 0), "it is nobody's damage that it was collected");
        assert!(keys(&two.new).await.is_empty());
    }

    async fn a_copy_that_was_cut_off_leaves_nothing_behind_and_can_be_made_again(scratch: &Scratch) {
        let two = Two::over(scratch).await;
        let sha = hold(&two.before, ALICE, &[], &[pattern(300_000, 8)]).await[0];
        let found = two.before.list_to_transfer("old", "new", None, 10).await.unwrap();
        let lease = two.lease().await;
        // Its lease ends while it writes.
        two.before.drop_lease(lease).await.unwrap();
        assert!(two.before.transfer_object(lease, &found[0], "new").await.is_err());
        assert!(keys(&two.new).await.is_empty());
        assert_eq!(two.waiting().await.objects, 1);
        two.copy().await;
        two.leave().await;
        assert_eq!(sha256(&whole(&two.after, sha, 300_000).await), sha);
    }
}
