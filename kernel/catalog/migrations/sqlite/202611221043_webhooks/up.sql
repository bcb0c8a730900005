-- Addresses that are told what happens. domains: words with commas between them. failures: messages in a row that were
-- given up.
CREATE TABLE webhooks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    secret TEXT,
    domains TEXT NOT NULL,
    disabled BOOLEAN NOT NULL DEFAULT FALSE,
    failures BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
);
CREATE INDEX webhooks_by_owner ON webhooks (owner, id);

-- What they watch: a repository, or all of a namespace. No references: that a repository was deleted is told after it
-- is gone, and keys are never used again.
CREATE TABLE webhook_watches (
    webhook BIGINT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    namespace BOOLEAN NOT NULL,
    target BIGINT NOT NULL,
    PRIMARY KEY (webhook, namespace, target)
);
CREATE INDEX webhook_watches_by_target ON webhook_watches (target);

-- Messages that are still to be sent, and when next.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook BIGINT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    body TEXT NOT NULL,
    due BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX messages_by_due ON messages (due);
CREATE INDEX messages_by_webhook ON messages (webhook);
