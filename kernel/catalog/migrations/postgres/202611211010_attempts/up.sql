-- Tries of a password, each as time that has to pass: at `until` (in milliseconds) the row says nothing any more, and may
-- go. The key is a keyed digest of what was tried and from where.
CREATE TABLE attempts (key BYTEA NOT NULL PRIMARY KEY, until BIGINT NOT NULL);
CREATE INDEX attempts_by_end ON attempts (until);
