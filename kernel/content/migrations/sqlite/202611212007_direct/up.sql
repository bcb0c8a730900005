-- The provider's own id of the upload in parts that is to become this object. Whoever deletes the object ends that first.
ALTER TABLE objects ADD COLUMN upload TEXT;

-- The object that a client writes itself, past the hub; none where its parts come through the hub. It may be thrown away
-- before this row, so it is no reference.
ALTER TABLE uploads ADD COLUMN object BIGINT;
CREATE INDEX uploads_direct ON uploads (repository, sha256) WHERE object IS NOT NULL;
