DROP TABLE purged;
ALTER TABLE holdings DROP COLUMN path;
