-- A key is one subject's in the whole hub: its fingerprint alone says who comes in by it.
CREATE TABLE local_ssh_keys (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    subject TEXT NOT NULL,
    title TEXT NOT NULL,
    key_type TEXT NOT NULL,
    public_key TEXT NOT NULL,
    fingerprint TEXT NOT NULL UNIQUE,
    login BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    last_used BIGINT
);
CREATE INDEX local_ssh_keys_of_subject ON local_ssh_keys (subject, id);
