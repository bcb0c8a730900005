-- Of a large file: the path at which a commit first named it.
ALTER TABLE holdings ADD COLUMN path TEXT;

-- Large files that a repository's history names and that were deleted from it for good. One that is sent and committed
-- again is held again, and its row here means nothing.
CREATE TABLE purged (
    repository BIGINT NOT NULL,
    sha256 BYTEA NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (repository, sha256)
);
