-- An invitation without an organisation lets somebody make an account, and nothing more.
-- SQLite changes no column: the table is made anew.
CREATE TABLE invitations_anew (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    organization BIGINT REFERENCES organizations (id) ON DELETE CASCADE,
    role TEXT,
    email TEXT,
    max_usage BIGINT,
    usage_count BIGINT NOT NULL DEFAULT 0,
    created_by BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
INSERT INTO invitations_anew SELECT * FROM invitations;
-- An id that was given away is never given again: it is what a token says.
DELETE FROM sqlite_sequence WHERE name = 'invitations_anew';
INSERT INTO sqlite_sequence (name, seq) SELECT 'invitations_anew', seq FROM sqlite_sequence WHERE name = 'invitations';
DROP TABLE invitations;
ALTER TABLE invitations_anew RENAME TO invitations;
CREATE INDEX invitations_by_organization ON invitations (organization, id);
