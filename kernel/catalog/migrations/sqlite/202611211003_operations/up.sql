-- Writes under way. The repository is no foreign key: recovery must find a row whatever became of the rest.
CREATE TABLE operations (
    id BIGINT PRIMARY KEY NOT NULL,
    repository BIGINT NOT NULL,
    lease BIGINT NOT NULL,
    purpose TEXT NOT NULL,
    deadline BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX operations_by_repository ON operations (repository, id);
CREATE INDEX operations_by_deadline ON operations (deadline);

CREATE TABLE operation_reservations (
    operation BIGINT NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
    reservation BIGINT NOT NULL,
    PRIMARY KEY (operation, reservation)
);

-- The outbox: what happened, until it has been delivered. The repository may be gone by then.
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository BIGINT NOT NULL,
    kind TEXT NOT NULL,
    actor BIGINT,
    head BLOB,
    at BIGINT NOT NULL,
    details TEXT NOT NULL
);
