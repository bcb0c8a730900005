DROP INDEX objects_thinned;
ALTER TABLE objects DROP COLUMN gone;
ALTER TABLE objects DROP COLUMN size;
DROP INDEX locations_damaged;
ALTER TABLE locations DROP COLUMN damaged;
ALTER TABLE blobs DROP COLUMN sums;
