-- Downloads from other hubs. name: what people call it. wish: what makes two jobs the same. run: counts who works on it or
-- ended that work, so that who was replaced changes nothing more. claimed_until: when the present worker must have
-- been heard of. version: counts changes.
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    repo TEXT NOT NULL,
    revision TEXT NOT NULL,
    filters TEXT NOT NULL,
    excludes TEXT NOT NULL,
    subfolders BOOLEAN NOT NULL,
    wish TEXT NOT NULL,
    output TEXT NOT NULL,
    status TEXT NOT NULL,
    error TEXT NOT NULL DEFAULT '',
    pinned TEXT,
    total_files BIGINT NOT NULL DEFAULT 0,
    completed_files BIGINT NOT NULL DEFAULT 0,
    total_bytes BIGINT NOT NULL DEFAULT 0,
    downloaded_bytes BIGINT NOT NULL DEFAULT 0,
    bytes_per_second BIGINT NOT NULL DEFAULT 0,
    run BIGINT NOT NULL DEFAULT 0,
    claimed_until BIGINT NOT NULL DEFAULT 0,
    version BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT
);
CREATE INDEX jobs_by_status ON jobs (status, id);
-- Of the same job, one is under way.
CREATE UNIQUE INDEX jobs_under_way ON jobs (wish) WHERE status IN ('queued', 'running', 'paused');

-- The files of a job's plan, in its order.
CREATE TABLE job_files (
    job BIGINT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    path TEXT NOT NULL,
    size BIGINT NOT NULL,
    downloaded BIGINT NOT NULL,
    status TEXT NOT NULL,
    PRIMARY KEY (job, position)
);

-- What was set while the hub ran: one row of JSON.
CREATE TABLE job_settings (
    id BIGINT PRIMARY KEY,
    body TEXT NOT NULL
);
