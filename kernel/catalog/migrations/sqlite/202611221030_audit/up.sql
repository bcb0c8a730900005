-- What was done and is in no chain yet: written in the transaction of what it tells of, gone when it is sealed. content is
-- the record's text, still without number and previous.
CREATE TABLE audit_unsealed (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    node TEXT NOT NULL,
    at BIGINT NOT NULL,
    content TEXT NOT NULL
);
CREATE INDEX audit_unsealed_by_node ON audit_unsealed (node, id);

-- The log. hash is the SHA-256 of content, in which the hash of the record before stands; the other columns repeat what
-- content says, to be searched.
CREATE TABLE audit_records (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    node TEXT NOT NULL,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    outcome TEXT NOT NULL,
    content TEXT NOT NULL,
    hash BLOB NOT NULL,
    UNIQUE (node, number)
);
CREATE INDEX audit_records_by_actor ON audit_records (actor, id);
CREATE INDEX audit_records_by_action ON audit_records (action, id);
CREATE INDEX audit_records_by_object ON audit_records (object, id);
CREATE INDEX audit_records_by_time ON audit_records (at, id);

-- A node's chain: base is the last record that retention has taken away, head the last one that there is.
CREATE TABLE audit_chains (
    node TEXT PRIMARY KEY NOT NULL,
    base BIGINT NOT NULL,
    base_hash BLOB NOT NULL,
    head BIGINT NOT NULL,
    head_hash BLOB NOT NULL
);

-- Nothing is changed, and only what lies behind the base may go.
CREATE TRIGGER audit_records_stay_as_they_are BEFORE UPDATE ON audit_records
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_records_stay BEFORE DELETE ON audit_records
WHEN NOT EXISTS (SELECT 1 FROM audit_chains WHERE audit_chains.node = OLD.node AND audit_chains.base >= OLD.number)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
