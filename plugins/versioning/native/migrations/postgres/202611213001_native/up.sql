-- One row: the secret that decides where nodes are cut. Every node of the store uses the same.
CREATE TABLE native_store (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    secret BYTEA NOT NULL
);

-- A deleted repository keeps its row, so that nothing that comes late brings it back.
CREATE TABLE native_repositories (
    repo BIGINT NOT NULL PRIMARY KEY,
    deleted BOOLEAN NOT NULL
);

-- Nodes of maps, shared by all repositories.
CREATE TABLE native_nodes (
    id BYTEA NOT NULL,
    stamp BIGINT NOT NULL,
    body BYTEA NOT NULL
);
CREATE UNIQUE INDEX native_nodes_id ON native_nodes (id);
-- Bodies are compressed already.
ALTER TABLE native_nodes ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE native_commits (
    repo BIGINT NOT NULL,
    id BYTEA NOT NULL,
    bytes BYTEA NOT NULL,
    root BYTEA NOT NULL,
    last_root BYTEA NOT NULL,
    rank BIGINT NOT NULL,
    length BIGINT,
    PRIMARY KEY (repo, id)
);
CREATE INDEX native_commits_rank ON native_commits (repo, rank);

CREATE TABLE native_tags (
    repo BIGINT NOT NULL,
    oid BYTEA NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (repo, oid)
);

CREATE TABLE native_refs (
    repo BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    "commit" BYTEA,
    tag BYTEA,
    PRIMARY KEY (repo, name)
);

-- What a map does not hold of a file. One git oid may be both a regular file's and that of a pointer of the same text.
CREATE TABLE native_files (
    repo BIGINT NOT NULL,
    oid BYTEA NOT NULL,
    lfs BOOLEAN NOT NULL,
    sha256 BYTEA NOT NULL,
    size BIGINT NOT NULL,
    pointer BYTEA,
    PRIMARY KEY (repo, oid, lfs)
);

-- Where a git tree can be derived from.
CREATE TABLE native_trees (
    repo BIGINT NOT NULL,
    oid BYTEA NOT NULL,
    "commit" BYTEA NOT NULL,
    folder TEXT NOT NULL,
    PRIMARY KEY (repo, oid)
);

-- What became of operations; no commit is the fence.
CREATE TABLE native_operations (
    repo BIGINT NOT NULL,
    operation BIGINT NOT NULL,
    "commit" BYTEA,
    PRIMARY KEY (repo, operation)
);
