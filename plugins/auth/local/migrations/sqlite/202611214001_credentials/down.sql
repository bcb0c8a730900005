DROP TABLE local_sessions;
DROP TABLE local_tokens;
DROP TABLE local_passwords;
DROP TABLE local_secret;
