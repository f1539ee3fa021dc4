-- Times are microseconds since 1970-01-01T00:00:00Z.

-- Who has reached which compartment, and when first. It stands by itself: a person of an issuer may have no row in `people`,
-- and whoever is removed there has seen what they have seen.
CREATE TABLE reached_compartments (
    person TEXT NOT NULL,
    compartment TEXT NOT NULL,
    reached BIGINT NOT NULL,
    PRIMARY KEY (person, compartment)
);
