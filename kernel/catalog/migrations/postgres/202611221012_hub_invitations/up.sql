-- An invitation without an organisation lets somebody make an account, and nothing more.
ALTER TABLE invitations ALTER COLUMN organization DROP NOT NULL;
ALTER TABLE invitations ALTER COLUMN role DROP NOT NULL;
