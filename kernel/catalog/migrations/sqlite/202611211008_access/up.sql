CREATE TABLE access_requests (
    repository BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    fields TEXT NOT NULL,
    reason TEXT,
    at BIGINT NOT NULL,
    PRIMARY KEY (repository, user_id)
);
CREATE INDEX access_requests_by_status ON access_requests (repository, status, user_id);
CREATE INDEX access_requests_by_user ON access_requests (user_id);
