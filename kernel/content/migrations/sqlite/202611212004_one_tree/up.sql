-- Rows that are little more than their keys lie in one tree each, instead of a table and the index of its key.
CREATE TABLE new_locations (
    sha256 BLOB NOT NULL REFERENCES blobs,
    storage TEXT NOT NULL,
    object BIGINT NOT NULL REFERENCES objects,
    start BIGINT NOT NULL,
    damaged BIGINT,
    PRIMARY KEY (sha256, storage)
) WITHOUT ROWID;
INSERT INTO new_locations SELECT sha256, storage, object, start, damaged FROM locations;
DROP TABLE locations;
ALTER TABLE new_locations RENAME TO locations;
CREATE INDEX locations_object ON locations (object);
CREATE INDEX locations_damaged ON locations (sha256) WHERE damaged IS NOT NULL;

CREATE TABLE new_lease_blobs (
    lease BIGINT NOT NULL REFERENCES leases ON DELETE CASCADE,
    sha256 BLOB NOT NULL REFERENCES blobs,
    PRIMARY KEY (lease, sha256)
) WITHOUT ROWID;
INSERT INTO new_lease_blobs SELECT lease, sha256 FROM lease_blobs;
DROP TABLE lease_blobs;
ALTER TABLE new_lease_blobs RENAME TO lease_blobs;
CREATE INDEX lease_blobs_sha256 ON lease_blobs (sha256);

CREATE TABLE new_holdings (
    repository BIGINT NOT NULL,
    sha256 BLOB NOT NULL REFERENCES blobs,
    pending BIGINT,
    since BIGINT NOT NULL,
    PRIMARY KEY (repository, sha256)
) WITHOUT ROWID;
INSERT INTO new_holdings SELECT repository, sha256, pending, since FROM holdings;
DROP TABLE holdings;
ALTER TABLE new_holdings RENAME TO holdings;
CREATE INDEX holdings_sha256 ON holdings (sha256);
CREATE INDEX holdings_pending ON holdings (pending) WHERE pending IS NOT NULL;
