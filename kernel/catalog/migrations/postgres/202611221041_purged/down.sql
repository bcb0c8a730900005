ALTER TABLE repositories DROP COLUMN purged;
