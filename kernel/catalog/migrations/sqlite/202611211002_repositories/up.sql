-- A repository that is being deleted has given its name back: its lower and normalized are '/' and its id then, which
-- is no name.
CREATE TABLE repositories (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    namespace BIGINT NOT NULL REFERENCES namespaces (id),
    name TEXT NOT NULL,
    lower TEXT NOT NULL,
    normalized TEXT NOT NULL,
    visibility TEXT NOT NULL,
    state TEXT NOT NULL,
    version BIGINT NOT NULL DEFAULT 0,
    sdk TEXT,
    gated TEXT,
    lfs_threshold BIGINT,
    lfs_suffixes TEXT,
    lfs_keep_versions BIGINT,
    downloads BIGINT NOT NULL DEFAULT 0,
    likes BIGINT NOT NULL DEFAULT 0,
    disabled BOOLEAN NOT NULL DEFAULT FALSE,
    default_branch TEXT NOT NULL DEFAULT 'main',
    head BLOB,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (namespace, kind, lower),
    UNIQUE (namespace, kind, normalized)
);
-- One for each order that a list can have.
CREATE INDEX repositories_by_creation ON repositories (kind, created_at, id);
CREATE INDEX repositories_by_update ON repositories (kind, updated_at, id);
CREATE INDEX repositories_by_name ON repositories (kind, lower, id);
CREATE INDEX repositories_by_downloads ON repositories (kind, downloads, id);
CREATE INDEX repositories_by_likes ON repositories (kind, likes, id);
-- What recovery looks for is rare.
CREATE INDEX repositories_by_state ON repositories (state, id);

-- Former names, until somebody takes them.
CREATE TABLE redirects (
    kind TEXT NOT NULL,
    namespace BIGINT NOT NULL REFERENCES namespaces (id),
    lower TEXT NOT NULL,
    repository BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    PRIMARY KEY (namespace, kind, lower)
);
CREATE INDEX redirects_by_repository ON redirects (repository);
