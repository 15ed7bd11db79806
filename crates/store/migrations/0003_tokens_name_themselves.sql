-- The value of a token says which one it is, so nobody looks for its hash any more. That hash was the one random key
-- that every grant wrote.
CREATE TABLE access_token_new (
    id BYTEA NOT NULL PRIMARY KEY,
    grant_id BYTEA NOT NULL REFERENCES op_grant (id),
    state TEXT NOT NULL,
    successor_id BYTEA,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT
);
INSERT INTO access_token_new (id, grant_id, state, successor_id, created_at, expires_at, ended_at)
    SELECT id, grant_id, state, successor_id, created_at, expires_at, ended_at FROM access_token;
DROP TABLE access_token;
ALTER TABLE access_token_new RENAME TO access_token;
CREATE INDEX access_token_active ON access_token (grant_id) WHERE state = 'active';
CREATE INDEX access_token_ended ON access_token (ended_at) WHERE ended_at IS NOT NULL;
