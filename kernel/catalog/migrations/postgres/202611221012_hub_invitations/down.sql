DELETE FROM invitations WHERE organization IS NULL;
ALTER TABLE invitations ALTER COLUMN role SET NOT NULL;
ALTER TABLE invitations ALTER COLUMN organization SET NOT NULL;
