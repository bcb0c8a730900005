-- Further commits that name a blob which a holding is pending for. Whichever is done first confirms it; where the one
-- that it is pending for is given up, it passes to another.
CREATE TABLE also_pending (
    lease BIGINT NOT NULL REFERENCES leases ON DELETE CASCADE,
    repository BIGINT NOT NULL,
    sha256 BLOB NOT NULL,
    PRIMARY KEY (lease, sha256)
);
CREATE INDEX also_pending_holding ON also_pending (repository, sha256);

-- Promises whose bytes are in their repository's level. They stay until the quota has been told of both, which the end
-- of the lease says: that of the commit which brought the bytes.
CREATE TABLE kept_promises (
    lease BIGINT NOT NULL REFERENCES leases ON DELETE CASCADE,
    repository BIGINT NOT NULL,
    reservation BIGINT NOT NULL,
    PRIMARY KEY (lease, reservation)
);
CREATE INDEX kept_promises_repository ON kept_promises (repository);
