DROP INDEX local_sessions_of_subject;
CREATE INDEX local_sessions_of_subject ON local_sessions (subject);
ALTER TABLE local_sessions DROP COLUMN created_at;
