-- Times are microseconds since 1970-01-01T00:00:00Z.

-- Texts that somebody asks to let pass once although they would be blocked, and what somebody else decided. Never the text: a
-- keyed hash of it.
CREATE TABLE releases (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    content TEXT NOT NULL,
    model TEXT NOT NULL,
    label TEXT NOT NULL,
    -- The model servers that it may go to, with commas between them.
    routes TEXT NOT NULL,
    -- What was found: `IBAN:1,…`.
    kinds TEXT NOT NULL,
    -- Why, sealed: it may quote what it is about.
    reason BLOB NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'granted', 'denied', 'used')),
    decider TEXT,
    decided BIGINT,
    used BIGINT
);

CREATE INDEX releases_person ON releases (person, created);
