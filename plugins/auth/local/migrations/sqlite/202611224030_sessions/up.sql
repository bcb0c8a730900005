-- Sessions of before do not know when they began.
ALTER TABLE local_sessions ADD COLUMN created_at BIGINT;
DROP INDEX local_sessions_of_subject;
CREATE INDEX local_sessions_of_subject ON local_sessions (subject, id);
