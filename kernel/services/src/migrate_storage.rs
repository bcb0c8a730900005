//! From one storage instance to another, while the hub serves.
//!
//! Three steps, and between the second and the third the operator's hand: everything is copied; the configuration says
//! that uploads go to the new instance, and every node is started with it; everything is copied that came meanwhile, and
//! what lies in both is taken away from the old one. An upload is never lost in between: what goes to the old instance is
//! found by the next pass, for a pass asks the rows and remembers nothing, and the last pass is made when nobody writes
//! there any more. Bytes leave the old instance only where the rows say that they lie whole in the new one.

use std::collections::HashSet;
use std::time::Duration;

use ballast_content::{Examined, Kept, Pack, ToTransfer, Transferred, Verdict};
use ballast_types::{LeaseId, RepoKey, Timestamp};
use futures::{StreamExt, stream};

use crate::{Failure, Hub, Operator, Result};

/// How many objects are listed at a time: a pack has up to some thousand blobs.
const OBJECTS: usize = 32;

/// After so many passes the rest is left to the next call: on a busy hub something has always just come.
const PASSES: u32 = 3;

/// What is copied under a lease, which is held again and again before it ends.
const LEASE: Duration = Duration::from_secs(60 * 60);
const HOLD: Duration = Duration::from_secs(10 * 60);

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrateOptions {
    /// Names of storage instances.
    pub from: String,
    pub to: String,
    /// Whether what lies in both is taken away from `from` afterwards.
    pub leave: bool,
    /// How many objects are copied side by side.
    pub side_by_side: usize,
}

/// How far it has come; at the end, what was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Migrated {
    /// What was to be copied at the beginning.
    pub wanted: ToTransfer,
    /// Objects that were gone over.
    pub objects: u64,
    /// Blobs that were copied, and their bytes.
    pub blobs: u64,
    pub bytes: u64,
    /// Blobs that are missing or not what was stored.
    pub damaged: u64,
    /// Blobs that were taken away from where they were.
    pub left: u64,
    /// What is still to be copied, damaged blobs among it.
    pub remaining: ToTransfer,
    /// What the old instance has.
    pub kept: Kept,
}

/// A blob that was not copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotCopied {
    pub sha256: ballast_types::Sha256,
    pub key: String,
    /// What is wrong with it.
    pub sentence: String,
    /// Who holds it, as people call them.
    pub repositories: Vec<String>,
}

/// Who is told, as it happens: of each blob that was not copied, and now and then of the progress alone.
pub type MigrationTold<'a> = dyn FnMut(Option<&NotCopied>, &Migrated) + Send + 'a;

struct Migrating<'a> {
    hub: &'a Hub,
    options: MigrateOptions,
    lease: LeaseId,
    done: Migrated,
    /// Objects with damaged blobs, which would be found again by each pass.
    examined: HashSet<i64>,
    told: &'a mut MigrationTold<'a>,
}

impl Operator {
    /// Copies what lies in one storage instance and not in the other. Whoever drops this early can call it again: it goes
    /// on where it was. `Invalid` where one of them is not configured, and where the old one is to be left although
    /// uploads go there.
    pub async fn migrate_storage<'a>(
        &'a self,
        options: MigrateOptions,
        told: &'a mut MigrationTold<'a>,
    ) -> Result<Migrated> {
        self.check_migration(&options)?;
        let content = self.hub.content();
        let lease = content.create_lease(RepoKey(0), Timestamp::now().after(LEASE)).await?;
        let mut migrating =
            Migrating { hub: &self.hub, options, lease, done: Migrated::default(), examined: HashSet::new(), told };
        let holding = async {
            loop {
                tokio::time::sleep(HOLD).await;
                content.extend_lease(lease, Timestamp::now().after(LEASE)).await?;
            }
        };
        let ended: Result<()> = tokio::select! {
            ended = migrating.run() => ended,
            lost = holding => lost,
        };
        content.drop_lease(lease).await?;
        ended.map(|()| migrating.done)
    }

    fn check_migration(&self, options: &MigrateOptions) -> Result<()> {
        let (content, MigrateOptions { from, to, .. }) = (self.hub.content(), options);
        let names = content.storages();
        if let Some(unknown) = [from, to].into_iter().find(|name| !names.contains(name)) {
            let names = names.join(", ");
            return Err(Failure::Invalid(format!("there is no storage '{unknown}'; configured are: {names}")));
        }
        if from == to {
            return Err(Failure::Invalid(format!("'{from}' is where the bytes are; name another storage")));
        }
        match options.leave && content.takes_uploads(from) {
            true => Err(Failure::Invalid(format!(
                "uploads go to '{from}' still; write storage = \"{to}\" into [uploads] and into its routes, start every node \
                 with it, and leave '{from}' then"
            ))),
            false => Ok(()),
        }
    }
}

impl Migrating<'_> {
    async fn run(&mut self) -> Result<()> {
        let content = self.hub.content();
        let (from, to) = (self.options.from.clone(), self.options.to.clone());
        self.done.wanted = content.count_to_transfer(&from, &to).await?;
        (self.told)(None, &self.done);
        for _ in 0..PASSES {
            if self.pass().await? == 0 {
                break;
            }
        }
        if self.options.leave {
            self.leave().await?;
        }
        self.done.remaining = content.count_to_transfer(&from, &to).await?;
        self.done.kept = content.count_kept(&from).await?;
        Ok(())
    }

    /// Copies all that is found; answers how many objects were gone over.
    async fn pass(&mut self) -> Result<u64> {
        let (content, mut after, mut found) = (self.hub.content(), None, 0);
        loop {
            let (from, to) = (&self.options.from, &self.options.to);
            let page = content.list_to_transfer(from, to, after, OBJECTS).await?;
            let Some(last) = page.last() else { return Ok(found) };
            after = Some(last.id());
            let (lease, to, side_by_side) = (self.lease, to.clone(), self.options.side_by_side.max(1));
            let copy = |pack: Pack| {
                let to = &to;
                async move {
                    let transferred = content.transfer_object(lease, &pack, to).await;
                    (pack.id(), transferred)
                }
            };
            let wanted: Vec<Pack> = page.into_iter().filter(|pack| !self.examined.contains(&pack.id())).collect();
            let mut copying = stream::iter(wanted).map(copy).buffer_unordered(side_by_side);
            while let Some((object, transferred)) = copying.next().await {
                let Transferred { blobs, bytes, bad } = transferred?;
                found += 1;
                self.done.objects += 1;
                self.done.blobs += blobs;
                self.done.bytes += bytes;
                if !bad.is_empty() {
                    self.examined.insert(object);
                }
                for examined in bad {
                    self.not_copied(examined).await?;
                }
                (self.told)(None, &self.done);
            }
        }
    }

    async fn not_copied(&mut self, examined: Examined) -> Result<()> {
        self.done.damaged += 1;
        let story = self.hub.content().find_blob_story(examined.sha256).await?;
        let holders = story.iter().flat_map(|story| &story.holders).map(|holder| holder.repo);
        let users = story.iter().filter_map(|story| story.xorb.as_ref()).flat_map(|xorb| xorb.repos.iter().copied());
        let mut repositories = Vec::new();
        for repo in holders.chain(users) {
            repositories.push(self.hub.name_of(repo).await?);
        }
        let sentence = match examined.verdict {
            Verdict::Whole => return Ok(()),
            Verdict::Missing => "its object is not there".to_owned(),
            Verdict::Damaged(why) => format!("its bytes are not what was stored: {why}"),
        };
        let not_copied = NotCopied { sha256: examined.sha256, key: examined.key, sentence, repositories };
        (self.told)(Some(&not_copied), &self.done);
        Ok(())
    }

    async fn leave(&mut self) -> Result<()> {
        let mut after = None;
        loop {
            let (from, to) = (&self.options.from, &self.options.to);
            let (left, next) = self.hub.content().leave_storage(from, to, after).await?;
            self.done.left += left;
            (self.told)(None, &self.done);
            if next.is_none() {
                return Ok(());
            }
            after = next;
        }
    }
}
