-- What a person may choose about themselves, since when a password alone is not enough for them, and when their
-- account was closed.
ALTER TABLE account_holder ADD COLUMN display_name TEXT;
ALTER TABLE account_holder ADD COLUMN time_zone TEXT;
ALTER TABLE account_holder ADD COLUMN locale TEXT;
ALTER TABLE account_holder ADD COLUMN second_since BIGINT;
ALTER TABLE account_holder ADD COLUMN closed_at BIGINT;

-- Not everybody has a password.
CREATE TABLE password (
    holder_id BYTEA NOT NULL PRIMARY KEY REFERENCES account_holder (id),
    hash TEXT NOT NULL,
    changed_at BIGINT NOT NULL
);
INSERT INTO password (holder_id, hash, changed_at)
    SELECT id, password_hash, created_at FROM account_holder WHERE password_hash <> '';
ALTER TABLE account_holder DROP COLUMN password_hash;

CREATE TABLE passkey (
    id BYTEA NOT NULL PRIMARY KEY,
    holder_id BYTEA NOT NULL REFERENCES account_holder (id),
    credential_id BYTEA NOT NULL UNIQUE,
    public_key BYTEA NOT NULL,
    sign_count BIGINT NOT NULL,
    label TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX passkey_by_holder ON passkey (holder_id, id);

CREATE TABLE recovery_code (
    hash BYTEA NOT NULL PRIMARY KEY,
    holder_id BYTEA NOT NULL REFERENCES account_holder (id),
    created_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX recovery_code_by_holder ON recovery_code (holder_id);

-- Who an account holder is at other identity providers.
CREATE TABLE linked_identity (
    id BYTEA NOT NULL PRIMARY KEY,
    holder_id BYTEA NOT NULL REFERENCES account_holder (id),
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    label TEXT,
    created_at BIGINT NOT NULL,
    used_at BIGINT,
    UNIQUE (issuer, subject)
);
CREATE INDEX linked_identity_by_holder ON linked_identity (holder_id, id);

-- Sessions say where they are and how they began. Those there are do not, so everybody logs in once more.
DROP TABLE session;
CREATE TABLE session (
    id BYTEA NOT NULL PRIMARY KEY,
    token_hash BYTEA NOT NULL UNIQUE,
    holder_id BYTEA NOT NULL REFERENCES account_holder (id),
    proof TEXT NOT NULL,
    agent TEXT NOT NULL,
    address TEXT,
    created_at BIGINT NOT NULL,
    authenticated_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX session_by_holder ON session (holder_id, id);
CREATE INDEX session_by_expiry ON session (expires_at);
