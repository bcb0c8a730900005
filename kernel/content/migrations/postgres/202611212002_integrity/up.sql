-- A CRC-32 of each piece of the blob, in order, little-endian: what every read is checked against. The length of a piece
-- follows from the size (sums.rs). None where nobody has read the bytes since they came.
ALTER TABLE blobs ADD COLUMN sums BYTEA;

-- When the bytes at this place were found not to be the blob's. They are not served; an upload of the same bytes
-- takes their place.
ALTER TABLE locations ADD COLUMN damaged BIGINT;
CREATE INDEX locations_damaged ON locations (sha256) WHERE damaged IS NOT NULL;

-- In bytes; 0 where an older program wrote it.
ALTER TABLE objects ADD COLUMN size BIGINT NOT NULL DEFAULT 0;
-- How many of them belong to no blob any more.
ALTER TABLE objects ADD COLUMN gone BIGINT NOT NULL DEFAULT 0;
CREATE INDEX objects_thinned ON objects (id) WHERE packed AND gone > 0;
