-- Which bytes exist. A blob has a row only while some storage instance has its bytes (see locations).
CREATE TABLE blobs (
    sha256 BYTEA NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL,
    -- The git blob id, where the bytes were hashed as git does.
    oid BYTEA,
    -- Set by whoever takes a holding or lease away; what the collector looks at, and no more than a hint.
    idle_since BIGINT
);
CREATE INDEX blobs_idle ON blobs (sha256, idle_since) WHERE idle_since IS NOT NULL;

-- What lies, or is about to lie, in storage. The row is written before the first byte.
CREATE TABLE objects (
    id BIGINT NOT NULL PRIMARY KEY,
    storage TEXT NOT NULL,
    "key" TEXT NOT NULL,
    packed BOOLEAN NOT NULL,
    -- Who is writing; none from the moment that a location names the object.
    lease BIGINT,
    created BIGINT NOT NULL,
    deleting BOOLEAN NOT NULL,
    UNIQUE (storage, "key")
);
CREATE INDEX objects_unfinished ON objects (lease) WHERE lease IS NOT NULL;
CREATE INDEX objects_deleting ON objects (id) WHERE deleting;

CREATE TABLE locations (
    sha256 BYTEA NOT NULL REFERENCES blobs,
    storage TEXT NOT NULL,
    object BIGINT NOT NULL REFERENCES objects,
    start BIGINT NOT NULL,
    PRIMARY KEY (sha256, storage)
);
CREATE INDEX locations_object ON locations (object);

CREATE TABLE leases (
    id BIGINT NOT NULL PRIMARY KEY,
    repository BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX leases_repository ON leases (repository);
CREATE INDEX leases_expires ON leases (expires);

-- The references to blobs are the last line of defence: the database itself refuses to lose a named blob.
CREATE TABLE lease_blobs (
    lease BIGINT NOT NULL REFERENCES leases ON DELETE CASCADE,
    sha256 BYTEA NOT NULL REFERENCES blobs,
    PRIMARY KEY (lease, sha256)
);
CREATE INDEX lease_blobs_sha256 ON lease_blobs (sha256);

CREATE TABLE lease_reservations (
    lease BIGINT NOT NULL REFERENCES leases ON DELETE CASCADE,
    sha256 BYTEA NOT NULL,
    reservation BIGINT NOT NULL,
    PRIMARY KEY (lease, reservation)
);

-- Which repository may name which bytes. Pending: named by a commit under way, not counted yet.
CREATE TABLE holdings (
    repository BIGINT NOT NULL,
    sha256 BYTEA NOT NULL REFERENCES blobs,
    pending BIGINT,
    since BIGINT NOT NULL,
    PRIMARY KEY (repository, sha256)
);
CREATE INDEX holdings_sha256 ON holdings (sha256);
CREATE INDEX holdings_pending ON holdings (pending) WHERE pending IS NOT NULL;

CREATE TABLE held (
    repository BIGINT NOT NULL PRIMARY KEY,
    bytes BIGINT NOT NULL,
    revision BIGINT NOT NULL
);

CREATE TABLE uploads (
    id BIGINT NOT NULL PRIMARY KEY,
    lease BIGINT NOT NULL REFERENCES leases ON DELETE CASCADE,
    repository BIGINT NOT NULL,
    sha256 BYTEA NOT NULL,
    size BIGINT NOT NULL,
    part_size BIGINT NOT NULL,
    completed BOOLEAN NOT NULL
);
CREATE INDEX uploads_lease ON uploads (lease);

CREATE TABLE parts (
    upload BIGINT NOT NULL REFERENCES uploads ON DELETE CASCADE,
    number INTEGER NOT NULL,
    object BIGINT NOT NULL REFERENCES objects,
    size BIGINT NOT NULL,
    etag TEXT NOT NULL,
    PRIMARY KEY (upload, number)
);
CREATE INDEX parts_object ON parts (object);
