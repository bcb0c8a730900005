-- Rows of plugins that have no database of their own, each in the space of one instance.
CREATE TABLE plugin_state (
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    version BIGINT NOT NULL CHECK (version > 0),
    value BLOB NOT NULL,
    PRIMARY KEY (owner, name)
);
