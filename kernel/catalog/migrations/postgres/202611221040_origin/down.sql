ALTER TABLE repositories DROP COLUMN origin;
