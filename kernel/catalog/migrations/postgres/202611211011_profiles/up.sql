-- What a user or an organisation shows of itself; without a row, nothing.
CREATE TABLE profiles (
    namespace BIGINT PRIMARY KEY REFERENCES namespaces (id) ON DELETE CASCADE,
    bio TEXT NOT NULL DEFAULT '',
    website TEXT NOT NULL DEFAULT '',
    twitter_x TEXT NOT NULL DEFAULT '',
    threads TEXT NOT NULL DEFAULT '',
    github TEXT NOT NULL DEFAULT '',
    huggingface TEXT NOT NULL DEFAULT ''
);

-- A JPEG of at most a megabyte, in a table of its own, so that nothing reads past it. The tag is that of the bytes.
CREATE TABLE avatars (
    namespace BIGINT PRIMARY KEY REFERENCES namespaces (id) ON DELETE CASCADE,
    jpeg BYTEA NOT NULL,
    tag TEXT NOT NULL
);
