-- Large files that somebody works on alone, as git-lfs keeps others from pushing them.
CREATE TABLE lfs_locks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    owner BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    locked_at BIGINT NOT NULL,
    UNIQUE (repository, path)
);
CREATE INDEX lfs_locks_by_owner ON lfs_locks (owner);
