-- Times are microseconds since 1970-01-01T00:00:00Z.

-- What a person thinks of an answer. What they ticked stands here in the open, because it is counted; what they wrote comes
-- sealed. An empty assistant means that the conversation was begun without one.
CREATE TABLE feedback (
    conversation TEXT NOT NULL,
    message TEXT NOT NULL,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    tenant TEXT NOT NULL,
    model TEXT NOT NULL,
    assistant TEXT NOT NULL,
    up SMALLINT NOT NULL CHECK (up IN (0, 1)),
    -- Words of a fixed list, with commas between them.
    reasons TEXT NOT NULL,
    comment BLOB,
    updated BIGINT NOT NULL,
    PRIMARY KEY (conversation, message),
    FOREIGN KEY (conversation, message) REFERENCES messages (conversation, id) ON DELETE CASCADE
);

CREATE INDEX feedback_group ON feedback (tenant, model, assistant);
CREATE INDEX feedback_person ON feedback (person);

-- Who changed something in a group since it was last counted.
CREATE TABLE feedback_changes (
    tenant TEXT NOT NULL,
    model TEXT NOT NULL,
    assistant TEXT NOT NULL,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    PRIMARY KEY (tenant, model, assistant, person)
);

-- What was counted last, and all that anybody else is told.
CREATE TABLE feedback_tallies (
    tenant TEXT NOT NULL,
    model TEXT NOT NULL,
    assistant TEXT NOT NULL,
    up BIGINT NOT NULL,
    down BIGINT NOT NULL,
    -- A line for each: the word, a blank, how often.
    reasons TEXT NOT NULL,
    PRIMARY KEY (tenant, model, assistant)
);

-- Questions that somebody keeps to ask them again, each with its last versions. Name, text, tags and readers come sealed.
CREATE TABLE prompts (
    id TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    created BIGINT NOT NULL
);

CREATE INDEX prompts_person ON prompts (person, created);

CREATE TABLE prompt_versions (
    prompt TEXT NOT NULL REFERENCES prompts (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    sealed BLOB NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (prompt, version)
);

-- Where a reader's prompts and assistants are looked for. Whether they may read one is said under its seal and not here.
CREATE TABLE prompt_readers (
    prompt TEXT NOT NULL REFERENCES prompts (id) ON DELETE CASCADE,
    reader TEXT NOT NULL,
    PRIMARY KEY (prompt, reader)
);

CREATE INDEX prompt_readers_reader ON prompt_readers (reader);

-- Instructions that conversations begin with. The state stands beside the seal only so that rows are found.
CREATE TABLE assistants (
    id TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    -- The published one in whose place this one is to come.
    of_assistant TEXT REFERENCES assistants (id) ON DELETE SET NULL,
    state TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);

CREATE INDEX assistants_person ON assistants (person, created);
CREATE INDEX assistants_state ON assistants (state, updated);
CREATE INDEX assistants_of ON assistants (of_assistant);

CREATE TABLE assistant_readers (
    assistant TEXT NOT NULL REFERENCES assistants (id) ON DELETE CASCADE,
    reader TEXT NOT NULL,
    PRIMARY KEY (assistant, reader)
);

CREATE INDEX assistant_readers_reader ON assistant_readers (reader);

-- The instructions that a conversation began with, as they were then, sealed under the key of its person.
CREATE TABLE conversation_instructions (
    conversation TEXT NOT NULL PRIMARY KEY REFERENCES conversations (id) ON DELETE CASCADE,
    sealed BLOB NOT NULL
);
