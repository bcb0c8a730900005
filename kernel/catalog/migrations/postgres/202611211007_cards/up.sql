-- What the README at the tip of the default branch says: for lists and searches, which read no file.
CREATE TABLE cards (
    repository BIGINT PRIMARY KEY NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    revision BIGINT NOT NULL,
    readme BYTEA,
    data TEXT NOT NULL,
    tags TEXT NOT NULL,
    pipeline_tag TEXT,
    library TEXT
);

-- In lower case.
CREATE TABLE card_tags (
    repository BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (repository, tag)
);
CREATE INDEX card_tags_by_tag ON card_tags (tag, repository);
