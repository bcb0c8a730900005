//! Tables and their rows. Digests are bytes; the callers check their lengths.

use diesel::prelude::*;

diesel::table! {
    native_store (id) {
        id -> BigInt,
        secret -> Binary,
    }
}

diesel::table! {
    native_repositories (repo) {
        repo -> BigInt,
        deleted -> Bool,
    }
}

diesel::table! {
    native_nodes (id) {
        id -> Binary,
        stamp -> BigInt,
        body -> Binary,
    }
}

diesel::table! {
    native_commits (repo, id) {
        repo -> BigInt,
        id -> Binary,
        bytes -> Binary,
        root -> Binary,
        last_root -> Binary,
        rank -> BigInt,
        length -> Nullable<BigInt>,
    }
}

diesel::table! {
    native_tags (repo, oid) {
        repo -> BigInt,
        oid -> Binary,
        bytes -> Binary,
    }
}

diesel::table! {
    native_refs (repo, name) {
        repo -> BigInt,
        name -> Text,
        commit -> Nullable<Binary>,
        tag -> Nullable<Binary>,
    }
}

diesel::table! {
    native_files (repo, oid, lfs) {
        repo -> BigInt,
        oid -> Binary,
        lfs -> Bool,
        sha256 -> Binary,
        size -> BigInt,
        pointer -> Nullable<Binary>,
    }
}

diesel::table! {
    native_trees (repo, oid) {
        repo -> BigInt,
        oid -> Binary,
        commit -> Binary,
        folder -> Text,
    }
}

diesel::table! {
    native_odd_trees (repo, oid) {
        repo -> BigInt,
        oid -> Binary,
        bytes -> Binary,
    }
}

diesel::table! {
    native_operations (repo, operation) {
        repo -> BigInt,
        operation -> BigInt,
        commit -> Nullable<Binary>,
    }
}

/// A node, as it is inserted.
#[derive(Clone, Insertable)]
#[diesel(table_name = native_nodes)]
pub struct NodeRow {
    pub id: Vec<u8>,
    /// When a commit last wrote it, in milliseconds; negative, it is the tombstone of a sweep.
    pub stamp: i64,
    pub body: Vec<u8>,
}

/// A commit.
#[derive(Clone, Insertable, Queryable, Selectable)]
#[diesel(table_name = native_commits)]
pub struct CommitRow {
    pub repo: i64,
    pub id: Vec<u8>,
    /// Git's own bytes.
    pub bytes: Vec<u8>,
    /// Of the map of entries.
    pub root: Vec<u8>,
    /// Of the map of last changes.
    pub last_root: Vec<u8>,
    /// Its place in the log: its time in milliseconds, but always greater than every parent's.
    pub rank: i64,
    /// How many commits its history has, where that is one line; none where there are merges.
    pub length: Option<i64>,
}

/// A ref; without a commit, an unborn branch.
#[derive(Clone, Insertable, Queryable, Selectable)]
#[diesel(table_name = native_refs, treat_none_as_default_value = false)]
pub struct RefRow {
    pub repo: i64,
    pub name: String,
    pub commit: Option<Vec<u8>>,
    /// The tag object, where it is an annotated tag.
    pub tag: Option<Vec<u8>>,
}

/// An annotated tag's object.
#[derive(Clone, Insertable, Queryable, Selectable)]
#[diesel(table_name = native_tags)]
pub struct TagRow {
    pub repo: i64,
    pub oid: Vec<u8>,
    pub bytes: Vec<u8>,
}

/// What a map does not hold of a file.
#[derive(Clone, Insertable, Queryable, Selectable)]
#[diesel(table_name = native_files, treat_none_as_default_value = false)]
pub struct FileRow {
    pub repo: i64,
    pub oid: Vec<u8>,
    pub lfs: bool,
    pub sha256: Vec<u8>,
    pub size: i64,
    pub pointer: Option<Vec<u8>>,
}

/// Where a git tree can be derived from.
#[derive(Clone, Insertable, Queryable, Selectable)]
#[diesel(table_name = native_trees)]
pub struct TreeRow {
    pub repo: i64,
    pub oid: Vec<u8>,
    pub commit: Vec<u8>,
    pub folder: String,
}

/// A tree that git accepts and the map would derive otherwise.
#[derive(Clone, Insertable, Queryable, Selectable)]
#[diesel(table_name = native_odd_trees)]
pub struct OddTreeRow {
    pub repo: i64,
    pub oid: Vec<u8>,
    pub bytes: Vec<u8>,
}

/// What became of an operation.
#[derive(Clone, Insertable)]
#[diesel(table_name = native_operations, treat_none_as_default_value = false)]
pub struct OperationRow {
    pub repo: i64,
    pub operation: i64,
    pub commit: Option<Vec<u8>>,
}
