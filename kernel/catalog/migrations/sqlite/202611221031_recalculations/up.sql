-- The last recalculation of all quotas: one row. run is random, and tells a run from one that took over.
CREATE TABLE recalculations (
    name TEXT PRIMARY KEY NOT NULL,
    run BIGINT NOT NULL,
    state TEXT NOT NULL,
    started_by TEXT,
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    finished_at BIGINT,
    total BIGINT NOT NULL,
    done BIGINT NOT NULL,
    failed BIGINT NOT NULL
);
