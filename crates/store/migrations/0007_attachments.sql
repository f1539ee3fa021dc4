-- Times are microseconds since 1970-01-01T00:00:00Z.

-- Files that people gave along with questions. What is known of one, and its text, come here sealed.
CREATE TABLE attachments (
    id TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    -- The conversation whose question it was asked with; none until then.
    conversation TEXT REFERENCES conversations (id) ON DELETE CASCADE,
    head BLOB NOT NULL,
    text BLOB,
    bytes BIGINT NOT NULL CHECK (bytes >= 0),
    created BIGINT NOT NULL,
    -- When the house deletes it, unless it was asked with before.
    expires BIGINT
);

CREATE INDEX attachments_person ON attachments (person, created);
CREATE INDEX attachments_conversation ON attachments (conversation);
CREATE INDEX attachments_expires ON attachments (expires);

-- The file itself, piece by piece, until its text was read.
CREATE TABLE attachment_pieces (
    attachment TEXT NOT NULL REFERENCES attachments (id) ON DELETE CASCADE,
    ordinal BIGINT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (attachment, ordinal)
);
