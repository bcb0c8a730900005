-- What a repository was made a copy of. No reference: the original may be gone, and the copy stays what it is.
ALTER TABLE repositories ADD COLUMN origin BIGINT;
