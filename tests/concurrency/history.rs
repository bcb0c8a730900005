//! What clients did to one ref and what they were told, with the times.
//!
//! A ref is a register: it holds a commit or does not exist, and is read, set, set on condition of what it holds, made
//! and deleted. A history is right when every call could have happened in one moment between its beginning and its end
//! (it is linearizable). Two checkers say whether one is: [`crate::line`] for a branch that is only committed to, at any
//! length, and [`crate::register`] for a ref that comes and goes.

use std::fmt;

/// A commit's id.
pub type Id = String;

/// Nanoseconds since the history began.
pub type Moment = u64;

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Where does it stand?
    Read,
    /// A commit with this mark in its message, on this parent or on whatever is there.
    Commit {
        mark: String,
        on: Option<Id>,
    },
    /// Make it here; only if it does not exist.
    Create {
        at: Id,
    },
    /// Make it here, or move it here.
    Move {
        to: Id,
    },
    Delete,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It stands here; none: there is no such ref.
    At(Option<Id>),
    /// The commit was made, with this id.
    Made(Id),
    /// It was created, moved or deleted.
    Done,
    /// 412: it moved, or does not stand where it was expected.
    Moved,
    /// 409: it exists already.
    Exists,
    /// 404: there is no such ref.
    Absent,
    /// The connection broke; it may have happened, or happen later, or not at all.
    Unknown,
}

/// A call with its reply.
#[derive(Clone, Debug)]
pub struct Event {
    /// Who did it.
    pub client: usize,
    pub call: Call,
    pub reply: Reply,
    pub begun: Moment,
    /// When the reply was there. Of an unknown one it says nothing.
    pub ended: Moment,
}

impl Event {
    /// The last moment in which it can have happened.
    pub fn latest(&self) -> Moment {
        if self.reply == Reply::Unknown { Moment::MAX } else { self.ended }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, call, reply, begun, ended } = self;
        write!(f, "client {client}, {begun}..{ended}: {call:?} -> {reply:?}")
    }
}

/// Why a history cannot be.
#[derive(Debug, PartialEq, Eq)]
pub struct Impossible(pub String);

impl fmt::Display for Impossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
