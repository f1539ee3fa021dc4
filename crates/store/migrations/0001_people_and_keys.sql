-- Times are microseconds since 1970-01-01T00:00:00Z.

CREATE TABLE people (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('employee', 'engineer', 'security', 'admin', 'auditor')),
    created BIGINT NOT NULL
);

CREATE TABLE groups (
    name TEXT NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL
);

CREATE TABLE person_groups (
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    group_name TEXT NOT NULL REFERENCES groups (name) ON DELETE CASCADE,
    PRIMARY KEY (person, group_name)
);

-- A key carries its own role: one person may hold a key to ask with and another to audit with.
CREATE TABLE keys (
    id TEXT NOT NULL PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('employee', 'engineer', 'security', 'admin', 'auditor')),
    -- One scope a line; empty means all.
    scopes TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT,
    revoked BIGINT
);

CREATE INDEX keys_person ON keys (person);
