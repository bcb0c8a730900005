CREATE TABLE likes (
    repository BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    at BIGINT NOT NULL,
    PRIMARY KEY (repository, user_id)
);
CREATE INDEX likes_by_user ON likes (user_id, repository);
