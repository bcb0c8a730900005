-- The sums of what the repositories of an account hold and have reserved, in bytes.
CREATE TABLE ledger_accounts (
    namespace BIGINT NOT NULL,
    visibility TEXT NOT NULL CHECK (visibility IN ('public', 'private')),
    used BIGINT NOT NULL DEFAULT 0 CHECK (used >= 0),
    reserved BIGINT NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    -- 'default' is looked up in the configuration at each use, so that a change of it applies.
    limit_kind TEXT NOT NULL DEFAULT 'default' CHECK (limit_kind IN ('default', 'unlimited', 'bytes')),
    limit_bytes BIGINT CHECK ((limit_bytes IS NOT NULL) = (limit_kind = 'bytes')),
    PRIMARY KEY (namespace, visibility)
);

-- What each repository holds, as of which revision, and the account that it counts for.
CREATE TABLE ledger_repositories (
    repo BIGINT NOT NULL PRIMARY KEY,
    namespace BIGINT NOT NULL,
    visibility TEXT NOT NULL CHECK (visibility IN ('public', 'private')),
    used BIGINT NOT NULL DEFAULT 0 CHECK (used >= 0),
    revision BIGINT NOT NULL DEFAULT 0,
    reserved BIGINT NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    limit_kind TEXT NOT NULL DEFAULT 'default' CHECK (limit_kind IN ('default', 'unlimited', 'bytes')),
    limit_bytes BIGINT CHECK ((limit_bytes IS NOT NULL) = (limit_kind = 'bytes'))
);

CREATE TABLE ledger_reservations (
    id BIGINT NOT NULL PRIMARY KEY,
    repo BIGINT NOT NULL,
    bytes BIGINT NOT NULL CHECK (bytes >= 0),
    expires_at BIGINT NOT NULL
);
CREATE INDEX ledger_reservations_of_repository ON ledger_reservations (repo);
CREATE INDEX ledger_reservations_by_expiry ON ledger_reservations (expires_at);
