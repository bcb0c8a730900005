-- Who downloaded in a stretch of time: kept as long as the stretch may be written, so that nobody counts twice.
CREATE TABLE download_sessions (
    repository BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    stretch BIGINT NOT NULL,
    visitor BLOB NOT NULL,
    batch BIGINT NOT NULL,
    PRIMARY KEY (repository, stretch, visitor)
);
CREATE INDEX download_sessions_by_stretch ON download_sessions (stretch);
CREATE INDEX download_sessions_by_batch ON download_sessions (batch);

CREATE TABLE daily_downloads (
    repository BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    day BIGINT NOT NULL,
    known BIGINT NOT NULL,
    anonymous BIGINT NOT NULL,
    files BIGINT NOT NULL,
    PRIMARY KEY (repository, day)
);
CREATE INDEX daily_downloads_by_day ON daily_downloads (day, repository);

ALTER TABLE repositories ADD COLUMN trending BIGINT NOT NULL DEFAULT 0;
CREATE INDEX repositories_by_trend ON repositories (kind, trending, id);
