-- Whether it went because newer versions of its path are kept, and not because somebody deleted it.
ALTER TABLE purged ADD COLUMN pruned BOOLEAN NOT NULL DEFAULT FALSE;
