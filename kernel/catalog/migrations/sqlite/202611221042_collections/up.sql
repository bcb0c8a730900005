-- Lists of repositories that a user or an organisation keeps. position: its place among those of its namespace.
CREATE TABLE collections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace BIGINT NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    private BOOLEAN NOT NULL,
    theme TEXT NOT NULL,
    position BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL,
    UNIQUE (namespace, title)
);
CREATE INDEX collections_by_update ON collections (updated_at, id);

-- What is in them. Positions order the items of a collection; there may be gaps between them.
CREATE TABLE collection_items (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    collection BIGINT NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    repository BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    note TEXT NOT NULL,
    UNIQUE (collection, repository)
);
CREATE INDEX collection_items_by_repository ON collection_items (repository);
CREATE INDEX collection_items_by_position ON collection_items (collection, position);
