-- Xorbs. Each is a blob too, of its bytes as they are stored: it lies somewhere, has checksums, and may be damaged as any
-- other. No repository holds it; it stays while a file uses it, and for a while after it was last named.
CREATE TABLE xorbs (
    xorb BLOB NOT NULL PRIMARY KEY,
    sha256 BLOB NOT NULL REFERENCES blobs,
    -- What stands where in it (ballast-xet, Record).
    record BLOB NOT NULL,
    -- Before compression, in bytes.
    raw BIGINT NOT NULL,
    -- When a client was last told that it is here: clients remember that for weeks, and do not ask again.
    named BIGINT NOT NULL
);
CREATE INDEX xorbs_sha256 ON xorbs (sha256);

-- Blobs that lie in xorbs, and which chunks they are (ballast-xet, FileTerms).
CREATE TABLE xet_files (
    file BLOB NOT NULL PRIMARY KEY,
    sha256 BLOB NOT NULL REFERENCES blobs,
    terms BLOB NOT NULL
);
CREATE INDEX xet_files_sha256 ON xet_files (sha256);

CREATE TABLE xet_uses (
    file BLOB NOT NULL REFERENCES xet_files ON DELETE CASCADE,
    xorb BLOB NOT NULL REFERENCES xorbs,
    PRIMARY KEY (file, xorb)
);
CREATE INDEX xet_uses_xorb ON xet_uses (xorb);

-- The chunks that clients may ask for by hash, and a xorb that has each.
CREATE TABLE xet_chunks (
    chunk BLOB NOT NULL,
    xorb BLOB NOT NULL REFERENCES xorbs ON DELETE CASCADE,
    PRIMARY KEY (chunk, xorb)
);
CREATE INDEX xet_chunks_xorb ON xet_chunks (xorb);
