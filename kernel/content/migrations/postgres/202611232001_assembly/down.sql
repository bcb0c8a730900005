ALTER TABLE uploads DROP COLUMN assembly;
