-- Trees of pushed history that git accepts and the map would derive otherwise: with an old mode, or an empty folder.
CREATE TABLE native_odd_trees (
    repo BIGINT NOT NULL,
    oid BLOB NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (repo, oid)
);
