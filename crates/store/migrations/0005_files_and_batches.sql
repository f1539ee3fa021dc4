-- Times are microseconds since 1970-01-01T00:00:00Z.

-- What people gave to be worked through, and what came of it. Name, label and content come here sealed.
CREATE TABLE files (
    id TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    head BLOB NOT NULL,
    bytes BIGINT NOT NULL CHECK (bytes >= 0),
    created BIGINT NOT NULL,
    -- When the house deletes it.
    expires BIGINT NOT NULL
);

CREATE INDEX files_person ON files (person, created);
CREATE INDEX files_expires ON files (expires);

-- Beside the files, so that a list of them reads no content.
CREATE TABLE file_contents (
    file TEXT NOT NULL PRIMARY KEY REFERENCES files (id) ON DELETE CASCADE,
    sealed BLOB NOT NULL
);

CREATE TABLE batches (
    id TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    head BLOB NOT NULL,
    over SMALLINT NOT NULL CHECK (over IN (0, 1)),
    created BIGINT NOT NULL,
    -- When it ends if it is not over; when the house deletes it if it is.
    expires BIGINT NOT NULL
);

CREATE INDEX batches_person ON batches (person, created);
CREATE INDEX batches_expires ON batches (expires);

-- The answer to each line, until all are together in files.
CREATE TABLE batch_lines (
    batch TEXT NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
    ordinal BIGINT NOT NULL,
    failed SMALLINT NOT NULL CHECK (failed IN (0, 1)),
    sealed BLOB NOT NULL,
    PRIMARY KEY (batch, ordinal)
);
