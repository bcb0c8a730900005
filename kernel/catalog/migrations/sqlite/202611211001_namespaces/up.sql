CREATE TABLE namespaces (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    lower TEXT NOT NULL UNIQUE,
    normalized TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE users (
    id BIGINT PRIMARY KEY NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
    full_name TEXT NOT NULL,
    email TEXT,
    email_lower TEXT UNIQUE,
    email_verified BOOLEAN NOT NULL,
    administrator BOOLEAN NOT NULL,
    active BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE organizations (
    id BIGINT PRIMARY KEY NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
    full_name TEXT NOT NULL,
    description TEXT NOT NULL,
    default_visibility TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE members (
    organization BIGINT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    member BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    PRIMARY KEY (organization, member)
);
CREATE INDEX members_by_member ON members (member, organization);

CREATE TABLE identities (
    instance TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (instance, subject)
);
CREATE INDEX identities_by_user ON identities (user_id, instance, subject);
