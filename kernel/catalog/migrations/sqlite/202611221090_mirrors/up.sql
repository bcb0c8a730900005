-- Repositories of other hubs that are read through this one. id: what its lease counts for, in the place of a repository.
-- namespace, name: in lower case. lease: keeps what has arrived of it, until kept_until. refs: what the other hub said of its
-- branches, as JSON.
CREATE TABLE mirrors (
    id BIGINT PRIMARY KEY,
    endpoint TEXT NOT NULL,
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    lease BIGINT NOT NULL,
    kept_until BIGINT NOT NULL,
    refs TEXT,
    refs_checked_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX mirrors_name ON mirrors (namespace, name, kind, endpoint);
CREATE INDEX mirrors_kept_until ON mirrors (kept_until);
-- The commits whose files are known, all of each. listing: the blob that lists them.
CREATE TABLE mirror_commits (
    mirror BIGINT NOT NULL REFERENCES mirrors (id) ON DELETE CASCADE,
    commit_id TEXT NOT NULL,
    listing BLOB NOT NULL,
    PRIMARY KEY (mirror, commit_id)
);
-- What the other hub said of a revision, and when it was asked last. about: as JSON.
CREATE TABLE mirror_revisions (
    mirror BIGINT NOT NULL REFERENCES mirrors (id) ON DELETE CASCADE,
    revision TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    about TEXT NOT NULL,
    checked_at BIGINT NOT NULL,
    PRIMARY KEY (mirror, revision)
);
-- The files that have arrived. digest: as the other hub calls them. sha256: as they are called here.
CREATE TABLE mirror_files (
    mirror BIGINT NOT NULL REFERENCES mirrors (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    sha256 BLOB NOT NULL,
    PRIMARY KEY (mirror, digest)
);
