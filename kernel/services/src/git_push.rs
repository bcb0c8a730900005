//! A push: quarantined until it is checked, and then one atomic change of refs.

use std::collections::HashMap;

use async_trait::async_trait;
use ballast_contract::versioning::{FileRef, Outcome, Push, PushedObjects, PushedRef};
use ballast_contract::{Error, ErrorKind};
use ballast_types::git::{ObjectKind, PointerText, TreeItem, pointer};
use ballast_types::{CommitId, GitOid, RefKind, RefName, Revision, Right, Sha256};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::operation::Write;
use crate::{Failure, Proposing, Result};

/// Small files that are stored together: bytes and number.
const PACK_BYTES: u64 = 8 << 20;
const PACK_FILES: usize = 4096;
/// Large files that are looked up at once.
const CLAIMS: usize = 500;
/// How often a push is read again because a collection ran beside it, or a ref could not move.
const ATTEMPTS: usize = 1000;
/// How many missing objects a refusal names.
const NAMED: usize = 10;

/// What a push brought, checked by itself: every object is well-formed and has the id under which it is asked for.
#[async_trait]
pub trait Quarantine: Send + Sync {
    /// Id and size of each blob.
    fn blobs(&self) -> Vec<(GitOid, u64)>;

    /// The ids of all trees.
    fn trees(&self) -> Vec<GitOid>;

    /// An object's bytes; none where the push brought none of this id.
    async fn read(&self, oid: GitOid) -> ballast_contract::Result<Option<(ObjectKind, Bytes)>>;
}

/// What a push asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushCommands {
    pub refs: Vec<(String, Option<GitOid>, Option<GitOid>)>,
    /// All refs, or none.
    pub atomic: bool,
}

/// What became of each ref, in the order of the commands; an error says why it did not move.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushReport {
    pub refs: Vec<(String, std::result::Result<(), String>)>,
}

/// Why the other refs of an atomic push did not move.
const ATOMIC: &str = "another ref of this atomic push was refused";

impl Proposing {
    /// Whether the caller may push to any ref of it, and not only to those of pull requests.
    pub fn may_write(&self) -> bool {
        self.writes
    }

    /// Takes a push. A failure means that nothing of it was taken.
    pub async fn push(&self, commands: PushCommands, quarantine: &dyn Quarantine) -> Result<PushReport> {
        let mut report = PushReport::default();
        let mut wanted = Vec::new();
        for (name, old, new) in &commands.refs {
            let checked = self.check_command(name, *old, *new).await?;
            report.refs.push((name.clone(), checked.as_ref().map(|_| ()).map_err(Clone::clone)));
            wanted.extend(checked);
        }
        if commands.atomic && report.refuse_all_if_any(ATOMIC) {
            return Ok(report);
        }
        if wanted.is_empty() {
            return Ok(report);
        }
        let actor = self.caller.known()?.user.key;
        let mut write = self.hub.begin(self.key(), "push", Some(actor), None).await?;
        match self.take(&mut write, &mut wanted, &mut report, commands.atomic, quarantine).await {
            Ok(Some(commit)) => {
                let moved = Value::from(wanted.iter().map(told).collect::<Vec<_>>());
                write.finish_push(commit, moved).await?;
            }
            Ok(None) => {
                write.give_up().await?;
                for update in &wanted {
                    self.tell(ballast_catalog::EventKind::RefChanged, told(update)).await?;
                }
            }
            Err(failure) => return Err(write.failed(failure).await),
        }
        Ok(report)
    }

    /// What a command comes to, or why the ref is not the caller's to move like this.
    async fn check_command(
        &self,
        name: &str,
        old: Option<GitOid>,
        new: Option<GitOid>,
    ) -> Result<std::result::Result<PushedRef, String>> {
        let parsed: RefName = match name.parse() {
            Ok(parsed) => parsed,
            Err(error) => return Ok(Err(format!("{error}"))),
        };
        let is_default = parsed.kind() == RefKind::Branch && parsed.short() == self.default_branch();
        let again = match parsed.kind() {
            RefKind::Branch => RefName::branch(parsed.short()).err(),
            RefKind::Tag => RefName::tag(parsed.short()).err(),
            _ => None,
        };
        let why = match parsed.kind() {
            _ if old.is_none() && new.is_none() => Some("it neither is there nor is to be".to_owned()),
            _ if again.is_some() => again.map(|error| error.to_string()),
            RefKind::Proposal => self.check_proposed(&parsed, old, new).await?,
            RefKind::Other => Some("only branches, tags and refs/pr/N are kept here".to_owned()),
            _ if !self.writes => {
                Some(format!("you may not write to '{}': push to the ref of a pull request", self.id()))
            }
            _ if is_default && new.is_none() => Some("it is the default branch, which stays".to_owned()),
            _ => None,
        };
        Ok(why.map_or(Ok(PushedRef { name: parsed, old, new }), Err))
    }

    async fn check_proposed(&self, name: &RefName, old: Option<GitOid>, new: Option<GitOid>) -> Result<Option<String>> {
        if old.is_none() {
            return Ok(Some("there is no such pull request: open it first, and push to its ref then".to_owned()));
        }
        if new.is_none() {
            return Ok(Some("the ref of a pull request stays: close the pull request instead".to_owned()));
        }
        match self.committing(&Revision::new(name.as_str())).await {
            Ok(_) => Ok(None),
            Err(failure @ (Failure::Broken(_) | Failure::Unavailable(_) | Failure::Damaged(_))) => Err(failure),
            Err(refusal) => Ok(Some(refusal.to_string())),
        }
    }

    /// Stores what was pushed and moves the refs that may move; answers the commit that the engine recorded.
    async fn take(
        &self,
        write: &mut Write,
        wanted: &mut Vec<PushedRef>,
        report: &mut PushReport,
        atomic: bool,
        quarantine: &dyn Quarantine,
    ) -> Result<Option<CommitId>> {
        let files = self.store(write, quarantine).await?;
        let blobs: Vec<Sha256> = files.values().flat_map(FileRef::blobs).collect();
        let objects = Objects { quarantine, files };
        let mut attempts = 0;
        while !wanted.is_empty() {
            attempts += 1;
            let push = Push { operation: write.id(), repo: self.key(), refs: wanted.clone() };
            let receipt = match self.hub.git_pushes()?.receive(push, &objects).await {
                Err(error) if error.is(ErrorKind::Invalid) => return Err(Failure::Invalid(error.context)),
                received => received?,
            };
            let mut refused: HashMap<RefName, String> = HashMap::new();
            for name in receipt.forced() {
                refused.extend(self.refuse_forced(name).map(|why| (name.clone(), why)));
            }
            if refused.is_empty() {
                let commit = receipt.targets().iter().flatten().next().copied();
                write.hold(&blobs, receipt.large().clone()).await?;
                match receipt.publish().await? {
                    Outcome::Moved => return Ok(commit),
                    Outcome::Swept if attempts < ATTEMPTS => continue,
                    Outcome::Swept => {
                        let context = "collections ran beside the push each time";
                        return Err(Error::new(ErrorKind::Unavailable, "push", context).into());
                    }
                    Outcome::Refused { name, why } => drop(refused.insert(name, why)),
                }
            }
            report.refuse(&refused);
            wanted.retain(|update| !refused.contains_key(&update.name));
            if atomic {
                report.refuse_all_if_any(ATOMIC);
                wanted.clear();
            }
        }
        Ok(None)
    }

    /// Why this ref may not leave its history.
    fn refuse_forced(&self, name: &RefName) -> Option<String> {
        let is_default = name.kind() == RefKind::Branch && name.short() == self.default_branch();
        (is_default && self.role < Right::Admin)
            .then(|| "it is the default branch: only an admin may take commits off it".to_owned())
    }

    /// Stores what the push brought; answers what each blob is.
    async fn store(&self, write: &mut Write, quarantine: &dyn Quarantine) -> Result<HashMap<GitOid, FileRef>> {
        let most = self.hub.settings().pushed_file;
        let (mut files, mut large) = (HashMap::new(), Vec::new());
        let (mut pack, mut bytes) = (Vec::new(), 0);
        for (oid, size) in quarantine.blobs() {
            if size > most {
                return Err(self.too_large(oid, size, quarantine).await?);
            }
            let Some((_, content)) = quarantine.read(oid).await? else { continue };
            if let Some(text) = PointerText::parse(&content).filter(|_| content.len() <= PointerText::MAX) {
                large.push((oid, text, content));
                continue;
            }
            bytes += size;
            pack.push(content);
            if bytes >= PACK_BYTES || pack.len() >= PACK_FILES {
                store_pack(write, &mut files, std::mem::take(&mut pack)).await?;
                bytes = 0;
            }
        }
        store_pack(write, &mut files, pack).await?;
        for batch in large.chunks(CLAIMS) {
            self.claim_pointers(write, batch, &mut files).await?;
        }
        Ok(files)
    }

    /// Finds the objects of pointers, which must be this repository's to name.
    async fn claim_pointers(
        &self,
        write: &mut Write,
        pointers: &[(GitOid, PointerText, Bytes)],
        files: &mut HashMap<GitOid, FileRef>,
    ) -> Result<()> {
        let digests: Vec<Sha256> = pointers.iter().map(|(_, text, _)| text.sha256).collect();
        let found = self.claim(write.lease(), &digests).await?;
        let whole = |((_, text, _), blob): &(&(GitOid, PointerText, Bytes), &Option<ballast_content::Blob>)| {
            blob.as_ref().is_some_and(|blob| blob.size == text.size)
        };
        let lacking: Vec<Sha256> =
            pointers.iter().zip(&found).filter(|pair| !whole(pair)).map(|((_, text, _), _)| text.sha256).collect();
        if !lacking.is_empty() {
            return Err(Failure::Invalid(lacking_objects(&lacking)));
        }
        let canonical =
            |text: &PointerText, bytes: &Bytes| pointer(text.sha256, text.size).as_bytes() == bytes.as_ref();
        let (mut odd, mut texts) = (Vec::new(), Vec::new());
        for (oid, text, bytes) in pointers {
            let (oid, sha256, size) = (*oid, text.sha256, text.size);
            files.insert(oid, FileRef::Lfs { oid, sha256, size, pointer: None });
            if !canonical(text, bytes) {
                odd.push(oid);
                texts.push(bytes.clone());
            }
        }
        if texts.is_empty() {
            return Ok(());
        }
        for (oid, blob) in odd.into_iter().zip(write.store_small(texts).await?) {
            if let Some(FileRef::Lfs { pointer, .. }) = files.get_mut(&oid) {
                *pointer = Some(blob.sha256);
            }
        }
        Ok(())
    }

    async fn too_large(&self, oid: GitOid, size: u64, quarantine: &dyn Quarantine) -> Result<Failure> {
        let most = self.hub.settings().pushed_file;
        let name = name_of(oid, quarantine).await?.map_or_else(|| oid.to_string(), |name| format!("'{name}'"));
        Ok(Failure::TooLarge(format!(
            "{name} has {size} bytes; a push takes files of up to {most} bytes, and larger ones by git-lfs: \
             git lfs migrate import --above={most}b --everything"
        )))
    }
}

async fn store_pack(write: &mut Write, files: &mut HashMap<GitOid, FileRef>, pack: Vec<Bytes>) -> Result<()> {
    if pack.is_empty() {
        return Ok(());
    }
    for blob in write.store_small(pack).await? {
        files.insert(blob.oid, FileRef::Regular { oid: blob.oid, sha256: blob.sha256, size: blob.size });
    }
    Ok(())
}

/// Under which name a tree of the push has a blob.
async fn name_of(oid: GitOid, quarantine: &dyn Quarantine) -> Result<Option<String>> {
    for tree in quarantine.trees() {
        let Some((_, bytes)) = quarantine.read(tree).await? else { continue };
        let found = TreeItem::parse_all(&bytes).flatten().find(|item| item.oid == oid);
        if let Some(item) = found {
            return Ok(Some(String::from_utf8_lossy(item.name).escape_debug().to_string()));
        }
    }
    Ok(None)
}

fn lacking_objects(lacking: &[Sha256]) -> String {
    let named: Vec<String> = lacking.iter().take(NAMED).map(Sha256::to_string).collect();
    let more = lacking.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(
        "LFS objects are missing, or have another size than their pointers say: {}{more}. Send them first: git lfs push \
         --all",
        named.join(", ")
    )
}

/// One moved ref, as webhooks are told.
fn told(update: &PushedRef) -> Value {
    json!({ "ref": update.name, "oldSha": update.old, "newSha": update.new })
}

impl PushReport {
    fn refuse(&mut self, refused: &HashMap<RefName, String>) {
        for (name, result) in &mut self.refs {
            if let Some((_, why)) = refused.iter().find(|(refused, _)| refused.as_str() == name) {
                *result = Err(why.clone());
            }
        }
    }

    /// Whether any ref was refused; then all are.
    fn refuse_all_if_any(&mut self, why: &str) -> bool {
        let any = self.refs.iter().any(|(_, result)| result.is_err());
        if any {
            for (_, result) in self.refs.iter_mut().filter(|(_, result)| result.is_ok()) {
                *result = Err(why.to_owned());
            }
        }
        any
    }
}

/// What the engine reads of a push.
struct Objects<'a> {
    quarantine: &'a dyn Quarantine,
    files: HashMap<GitOid, FileRef>,
}

#[async_trait]
impl PushedObjects for Objects<'_> {
    async fn read(&self, oid: GitOid) -> ballast_contract::Result<Option<(ObjectKind, Bytes)>> {
        match self.files.contains_key(&oid) {
            true => Ok(None),
            false => self.quarantine.read(oid).await,
        }
    }

    fn file(&self, oid: GitOid) -> Option<FileRef> {
        self.files.get(&oid).copied()
    }
}
