DROP INDEX uploads_direct;
ALTER TABLE uploads DROP COLUMN object;
ALTER TABLE objects DROP COLUMN upload;
