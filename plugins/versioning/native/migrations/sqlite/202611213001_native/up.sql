-- One row: the secret that decides where nodes are cut. Every node of the store uses the same.
CREATE TABLE native_store (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    secret BLOB NOT NULL
);

-- A deleted repository keeps its row, so that nothing that comes late brings it back.
CREATE TABLE native_repositories (
    repo BIGINT NOT NULL PRIMARY KEY,
    deleted BOOLEAN NOT NULL
);

-- Nodes of maps, shared by all repositories. An ordinary rowid table: WITHOUT ROWID amplifies writes of such bodies.
CREATE TABLE native_nodes (
    id BLOB NOT NULL,
    stamp BIGINT NOT NULL,
    body BLOB NOT NULL
);
CREATE UNIQUE INDEX native_nodes_id ON native_nodes (id);

CREATE TABLE native_commits (
    repo BIGINT NOT NULL,
    id BLOB NOT NULL,
    bytes BLOB NOT NULL,
    root BLOB NOT NULL,
    last_root BLOB NOT NULL,
    rank BIGINT NOT NULL,
    length BIGINT,
    PRIMARY KEY (repo, id)
);
CREATE INDEX native_commits_rank ON native_commits (repo, rank);

CREATE TABLE native_tags (
    repo BIGINT NOT NULL,
    oid BLOB NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (repo, oid)
);

CREATE TABLE native_refs (
    repo BIGINT NOT NULL,
    name TEXT NOT NULL,
    "commit" BLOB,
    tag BLOB,
    PRIMARY KEY (repo, name)
);

-- What a map does not hold of a file. One git oid may be both a regular file's and that of a pointer of the same text.
CREATE TABLE native_files (
    repo BIGINT NOT NULL,
    oid BLOB NOT NULL,
    lfs BOOLEAN NOT NULL,
    sha256 BLOB NOT NULL,
    size BIGINT NOT NULL,
    pointer BLOB,
    PRIMARY KEY (repo, oid, lfs)
);

-- Where a git tree can be derived from.
CREATE TABLE native_trees (
    repo BIGINT NOT NULL,
    oid BLOB NOT NULL,
    "commit" BLOB NOT NULL,
    folder TEXT NOT NULL,
    PRIMARY KEY (repo, oid)
);

-- What became of operations; no commit is the fence.
CREATE TABLE native_operations (
    repo BIGINT NOT NULL,
    operation BIGINT NOT NULL,
    "commit" BLOB,
    PRIMARY KEY (repo, operation)
);
