-- The key of every digest below. One row.
CREATE TABLE local_secret (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    secret BLOB NOT NULL
);

-- A changed password is a new row: its number is what was signed with the old one.
CREATE TABLE local_passwords (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    subject TEXT NOT NULL UNIQUE,
    hash TEXT NOT NULL
);

CREATE TABLE local_tokens (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    subject TEXT NOT NULL,
    name TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('read', 'write', 'admin')),
    -- A JSON array of repository keys; null is every repository.
    repositories TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used BIGINT
);
CREATE INDEX local_tokens_of_subject ON local_tokens (subject, id);

CREATE TABLE local_sessions (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    subject TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    expires_at BIGINT NOT NULL
);
CREATE INDEX local_sessions_of_subject ON local_sessions (subject);
CREATE INDEX local_sessions_by_expiry ON local_sessions (expires_at);
