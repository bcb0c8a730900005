-- What a repository takes over from another hub, on one of its branches. owner: with whose right. endpoint, source,
-- revision: where it comes from. wish: branch, history and whether what is there may be replaced, as JSON. every: how often
-- it is brought up to date, in milliseconds. run, claimed_until: as of jobs. progress: as JSON. lease: holds what has arrived
-- and no commit names. operation, next_source: the write that is under way, and the source's commit that it takes over.
-- source_commit, commit_id: the last commit that was taken over, and what it became.
CREATE TABLE imports (
    repository BIGINT PRIMARY KEY REFERENCES repositories (id) ON DELETE CASCADE,
    owner BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    endpoint TEXT NOT NULL,
    source TEXT NOT NULL,
    revision TEXT NOT NULL,
    wish TEXT NOT NULL,
    every BIGINT,
    status TEXT NOT NULL,
    error TEXT NOT NULL DEFAULT '',
    progress TEXT NOT NULL DEFAULT '',
    run BIGINT NOT NULL DEFAULT 0,
    claimed_until BIGINT NOT NULL DEFAULT 0,
    lease BIGINT,
    operation BIGINT,
    next_source TEXT,
    source_commit TEXT,
    commit_id TEXT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    next_at BIGINT
);
CREATE INDEX imports_by_status ON imports (status, repository);
CREATE INDEX imports_by_owner ON imports (owner);
CREATE INDEX imports_due ON imports (next_at) WHERE next_at IS NOT NULL;
