-- Account holders pause grants, and lower what they allow. Every change gives a grant a new revision, so that a payment
-- knows whether the limits that it was going to use are still the ones in force.
ALTER TABLE op_grant ADD COLUMN paused_at BIGINT;
ALTER TABLE op_grant ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;

-- The limits as they were asked for, where less was granted.
ALTER TABLE grant_access ADD COLUMN asked TEXT;

-- What account holders did to their grants. Where limits were lowered: the ones before, the window in which that
-- happened, and what had been spent in it by then.
CREATE TABLE grant_change (
    id BYTEA NOT NULL PRIMARY KEY,
    grant_id BYTEA NOT NULL REFERENCES op_grant (id),
    kind TEXT NOT NULL,
    access_id BYTEA REFERENCES grant_access (id),
    limits TEXT,
    window_index BIGINT,
    debit BIGINT,
    receive BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX grant_change_by_grant ON grant_change (grant_id, id);

-- Which apps an account holder knows, and since when.
CREATE INDEX op_grant_by_holder_and_client ON op_grant (holder_id, client, id) WHERE holder_id IS NOT NULL;
