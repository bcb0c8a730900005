-- Repositories that another hub has under a name that stands alone. name: in lower case. repo: what it is called there now,
-- namespace/name.
CREATE TABLE mirror_redirects (
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    repo TEXT NOT NULL,
    checked_at BIGINT NOT NULL,
    PRIMARY KEY (name, kind, endpoint)
);
