-- Times are microseconds since 1970-01-01T00:00:00Z.

-- To which part of the house somebody belongs. Whoever was there before belongs to the house's own.
ALTER TABLE people ADD COLUMN tenant TEXT NOT NULL DEFAULT 'house';

-- In which one a conversation was begun: its owner sees it there and nowhere else.
ALTER TABLE conversations ADD COLUMN tenant TEXT NOT NULL DEFAULT 'house';

-- A person has a data key in each.
CREATE TABLE data_keys_of_tenants (
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    tenant TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    PRIMARY KEY (person, tenant)
);
INSERT INTO data_keys_of_tenants (person, tenant, wrapped) SELECT person, 'house', wrapped FROM data_keys;
DROP TABLE data_keys;
ALTER TABLE data_keys_of_tenants RENAME TO data_keys;

-- Somebody asked that the label of a conversation may fall, and somebody else decides.
CREATE TABLE approvals (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    owner TEXT NOT NULL,
    asker TEXT NOT NULL,
    from_label TEXT NOT NULL,
    to_label TEXT NOT NULL,
    -- The last message that it is about.
    through BIGINT NOT NULL,
    -- Why, sealed: it may quote what it is about.
    reason BLOB NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'refused')),
    decider TEXT,
    decided BIGINT
);

CREATE INDEX approvals_open ON approvals (state, created);
CREATE INDEX approvals_conversation ON approvals (conversation);
