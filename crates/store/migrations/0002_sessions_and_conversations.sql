-- Times are microseconds since 1970-01-01T00:00:00Z.

-- Who vouches for a person: an issuer and the subject there, never one of them alone. Both empty: the house itself.
ALTER TABLE people ADD COLUMN issuer TEXT;
ALTER TABLE people ADD COLUMN subject TEXT;
ALTER TABLE people ADD COLUMN blocked BIGINT;
ALTER TABLE people ADD COLUMN last_seen BIGINT;

CREATE UNIQUE INDEX people_subject ON people (issuer, subject);

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('employee', 'engineer', 'security', 'admin', 'auditor')),
    -- How the person signed in, in the words of the sign-in.
    method TEXT NOT NULL,
    issuer TEXT,
    subject TEXT,
    -- The session's name at the issuer.
    sid TEXT,
    -- The key that was shown to sign in: the session ends with it.
    key_id TEXT REFERENCES keys (id) ON DELETE CASCADE,
    agent TEXT NOT NULL,
    created BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    idle_micros BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    revoked BIGINT
);

CREATE INDEX sessions_person ON sessions (person);
CREATE INDEX sessions_issuer ON sessions (issuer, subject);
CREATE INDEX sessions_key ON sessions (key_id);
CREATE INDEX sessions_expires ON sessions (expires);

-- The key under which a person's conversations are sealed, itself wrapped by a secret of the house.
CREATE TABLE data_keys (
    person TEXT NOT NULL PRIMARY KEY REFERENCES people (id) ON DELETE CASCADE,
    wrapped BLOB NOT NULL
);

-- Whatever a person wrote or was answered comes here sealed.
CREATE TABLE conversations (
    id TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    head BLOB NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    running SMALLINT NOT NULL CHECK (running IN (0, 1))
);

CREATE INDEX conversations_person ON conversations (person, updated);

-- A tree: a message that is asked again has a sibling. A parent is of the same conversation.
CREATE TABLE messages (
    id TEXT NOT NULL,
    conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    parent TEXT,
    ordinal BIGINT NOT NULL,
    sealed BLOB NOT NULL,
    state TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (conversation, id),
    FOREIGN KEY (conversation, parent) REFERENCES messages (conversation, id)
);

CREATE INDEX messages_parent ON messages (conversation, parent);
CREATE INDEX messages_state ON messages (state);

-- LLM tokens, by day since 1970-01-01 (UTC) and by whom the limits count.
CREATE TABLE usage (
    day BIGINT NOT NULL,
    who TEXT NOT NULL,
    tokens BIGINT NOT NULL CHECK (tokens >= 0),
    PRIMARY KEY (day, who)
);
