-- What is talked about in a repository, and what is proposed to it. Numbers begin at 1 in each repository and are never
-- used again. Of a pull request: target is the full name of the ref that it is for, base the commit at which it began,
-- merge_commit what it became. author is NULL once the user is gone.
CREATE TABLE discussions (
    repository BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    num BIGINT NOT NULL,
    title TEXT NOT NULL,
    author BIGINT REFERENCES users (id) ON DELETE SET NULL,
    status TEXT NOT NULL,
    target TEXT,
    base BLOB,
    merge_commit BLOB,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (repository, num)
);
CREATE INDEX discussions_by_author ON discussions (author);

-- What happened in a discussion, in this order. text: of a comment what it says, else the new title or status; former:
-- the old title; edits: how often a comment was edited.
CREATE TABLE discussion_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository BIGINT NOT NULL,
    num BIGINT NOT NULL,
    kind TEXT NOT NULL,
    author BIGINT REFERENCES users (id) ON DELETE SET NULL,
    at BIGINT NOT NULL,
    text TEXT NOT NULL,
    former TEXT,
    hidden BOOLEAN NOT NULL DEFAULT FALSE,
    edits BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL,
    FOREIGN KEY (repository, num) REFERENCES discussions (repository, num) ON DELETE CASCADE
);
CREATE INDEX discussion_events_by_discussion ON discussion_events (repository, num, id);
CREATE INDEX discussion_events_by_author ON discussion_events (author);

-- What a comment said before it was edited, and since when.
CREATE TABLE discussion_edits (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event BIGINT NOT NULL REFERENCES discussion_events (id) ON DELETE CASCADE,
    at BIGINT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX discussion_edits_by_event ON discussion_edits (event, id);

-- Who writes, and the number of the pull request that this write merges.
ALTER TABLE operations ADD COLUMN actor BIGINT;
ALTER TABLE operations ADD COLUMN merges BIGINT;
