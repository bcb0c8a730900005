ALTER TABLE operations DROP COLUMN merges;
ALTER TABLE operations DROP COLUMN actor;
DROP TABLE discussion_edits;
DROP TABLE discussion_events;
DROP TABLE discussions;
