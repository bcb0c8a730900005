DROP INDEX xorbs_thinned;
ALTER TABLE xorbs DROP COLUMN thinned;
DROP INDEX locations_spare;
ALTER TABLE locations DROP COLUMN spare;
