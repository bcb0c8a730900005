//! The shapes on the wire. Only these may say `oid` and `type`.

mod commit;
mod kind;
mod lfs;
mod refs;
mod repository;
mod select;
mod site;
mod tree;
mod xet;

pub use commit::{CommitAnswer, HistoryItem, Preupload, PreuploadAnswer, PreuploadAnswers, PreuploadedFile};
pub use kind::{Kinds, UNKNOWN_KIND};
pub use lfs::{
    CompletedPart, CompletedUpload, LfsAction, LfsActions, LfsBatch, LfsBatchAnswer, LfsMessage, LfsObjectAnswer,
    LfsObjectError, LfsVerify,
};
pub use refs::{BranchFrom, Done, NewBranch, NewTag, RefItem, RefList, TagHere};
pub use repository::{
    CreateRepository, Created, DeleteRepository, LfsFile, Message, RepositoryView, Sibling, allowed_expansions,
};
pub use select::{Selected, written};
pub use site::{Card, CardReport, Health, PartHealth, Readiness, SiteConfig, Version, Whoami};
pub use tree::TreeItem;
pub use xet::{ShardReceived, XetAccess, XetReconstruction, XetReconstruction2, XorbReceived};
