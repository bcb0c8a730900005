-- A login that waits for somebody to answer it in a browser. Only digests of its two codes stand here.
CREATE TABLE device_logins (
    digest BYTEA NOT NULL PRIMARY KEY,
    code BYTEA NOT NULL UNIQUE,
    user_id BIGINT REFERENCES users (id) ON DELETE CASCADE,
    denied BOOLEAN NOT NULL,
    every BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX device_logins_by_end ON device_logins (expires_at);
CREATE INDEX device_logins_by_user ON device_logins (user_id);

-- What renews the token of such a login, and by digest what renewed it the last time.
CREATE TABLE refresh_tokens (
    digest BYTEA NOT NULL PRIMARY KEY,
    former BYTEA UNIQUE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_id BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX refresh_tokens_by_end ON refresh_tokens (expires_at);
CREATE INDEX refresh_tokens_by_user ON refresh_tokens (user_id);
