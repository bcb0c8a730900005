-- What the other hub said of a revision that not everybody may have, to whom, and when it was asked last. reader: a digest of
-- who asked and of the token of theirs, made with a secret. about: as JSON.
CREATE TABLE mirror_readers (
    mirror BIGINT NOT NULL REFERENCES mirrors (id) ON DELETE CASCADE,
    reader TEXT NOT NULL,
    revision TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    about TEXT NOT NULL,
    checked_at BIGINT NOT NULL,
    PRIMARY KEY (mirror, reader, revision)
);
