-- Whether large files were ever deleted from a repository for good: only then a reader asks for which.
ALTER TABLE repositories ADD COLUMN purged BOOLEAN NOT NULL DEFAULT FALSE;
