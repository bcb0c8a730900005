CREATE TABLE invitations_before (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    organization BIGINT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    email TEXT,
    max_usage BIGINT,
    usage_count BIGINT NOT NULL DEFAULT 0,
    created_by BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
INSERT INTO invitations_before SELECT * FROM invitations WHERE organization IS NOT NULL;
-- An id that was given away is never given again: it is what a token says.
DELETE FROM sqlite_sequence WHERE name = 'invitations_before';
INSERT INTO sqlite_sequence (name, seq) SELECT 'invitations_before', seq FROM sqlite_sequence WHERE name = 'invitations';
DROP TABLE invitations;
ALTER TABLE invitations_before RENAME TO invitations;
CREATE INDEX invitations_by_organization ON invitations (organization, id);
