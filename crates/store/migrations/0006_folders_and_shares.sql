-- Times are microseconds since 1970-01-01T00:00:00Z.

-- What a person files conversations under. The name comes sealed; which conversation lies where stands in its sealed head.
CREATE TABLE folders (
    id TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    sealed BLOB NOT NULL,
    created BIGINT NOT NULL
);

CREATE INDEX folders_person ON folders (person, created);

-- What of a conversation others may read: sealed under the key of the conversation's person.
CREATE TABLE shares (
    id TEXT NOT NULL PRIMARY KEY,
    conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    sealed BLOB NOT NULL,
    created BIGINT NOT NULL
);

CREATE INDEX shares_conversation ON shares (conversation);

-- Where a reader's shares are looked for. Whether they may read one is said under its seal and not here.
CREATE TABLE share_readers (
    share TEXT NOT NULL REFERENCES shares (id) ON DELETE CASCADE,
    reader TEXT NOT NULL,
    PRIMARY KEY (share, reader)
);

CREATE INDEX share_readers_reader ON share_readers (reader);
