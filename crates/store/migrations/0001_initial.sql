-- One text for SQLite and PostgreSQL: 64-bit integers, text and bytes only. Instants are microseconds since 1970
-- UTC. Ids are UUIDs version 7 (16 bytes). Amounts are counted in the smallest unit of their asset.

CREATE TABLE setting (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE account_holder (
    id BYTEA NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE session (
    token_hash BYTEA NOT NULL PRIMARY KEY,
    holder_id BYTEA NOT NULL REFERENCES account_holder (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX session_by_expiry ON session (expires_at);

CREATE TABLE login_failure (
    subject TEXT NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    since BIGINT NOT NULL
);
CREATE INDEX login_failure_by_time ON login_failure (since);

CREATE TABLE ledger_account (
    id BYTEA NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    asset_code TEXT NOT NULL,
    asset_scale BIGINT NOT NULL,
    balance BIGINT NOT NULL,
    reserved BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    CHECK (reserved >= 0),
    CHECK (kind <> 'holder' OR balance - reserved >= 0)
);
CREATE UNIQUE INDEX ledger_account_of_provider ON ledger_account (kind, asset_code, asset_scale) WHERE kind <> 'holder';

CREATE TABLE ledger_transfer (
    reference BYTEA NOT NULL,
    leg BIGINT NOT NULL,
    kind TEXT NOT NULL,
    ends_leg BIGINT,
    debit_account BYTEA NOT NULL REFERENCES ledger_account (id),
    credit_account BYTEA NOT NULL REFERENCES ledger_account (id),
    amount BIGINT NOT NULL CHECK (amount >= 0),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (reference, leg)
);
CREATE UNIQUE INDEX ledger_transfer_ends_once ON ledger_transfer (reference, ends_leg) WHERE ends_leg IS NOT NULL;

CREATE TABLE wallet_address (
    id BYTEA NOT NULL PRIMARY KEY,
    url TEXT NOT NULL UNIQUE,
    public_name TEXT,
    holder_id BYTEA NOT NULL REFERENCES account_holder (id),
    account_id BYTEA NOT NULL REFERENCES ledger_account (id),
    asset_code TEXT NOT NULL,
    asset_scale BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    deactivated_at BIGINT
);
CREATE INDEX wallet_address_by_holder ON wallet_address (holder_id);

CREATE TABLE wallet_key (
    id BYTEA NOT NULL PRIMARY KEY,
    wallet_address_id BYTEA NOT NULL REFERENCES wallet_address (id),
    kid TEXT NOT NULL,
    x BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE UNIQUE INDEX wallet_key_active ON wallet_key (wallet_address_id, kid) WHERE revoked_at IS NULL;

CREATE TABLE op_grant (
    id BYTEA NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    client TEXT NOT NULL,
    client_name TEXT,
    key_kid TEXT NOT NULL,
    key_x BYTEA NOT NULL,
    endpoint TEXT NOT NULL,
    subject TEXT,
    finish_uri TEXT,
    finish_nonce TEXT,
    holder_id BYTEA REFERENCES account_holder (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    polled_at BIGINT,
    decided_at BIGINT
);
CREATE INDEX op_grant_by_holder ON op_grant (holder_id, id);
CREATE INDEX op_grant_undecided ON op_grant (expires_at) WHERE state IN ('pending', 'approved', 'denied');

CREATE TABLE grant_access (
    id BYTEA NOT NULL PRIMARY KEY,
    grant_id BYTEA NOT NULL REFERENCES op_grant (id),
    place BIGINT NOT NULL,
    resource TEXT NOT NULL,
    actions TEXT NOT NULL,
    identifier TEXT,
    limits TEXT
);
CREATE UNIQUE INDEX grant_access_by_grant ON grant_access (grant_id, place);

CREATE TABLE grant_spend (
    access_id BYTEA NOT NULL REFERENCES grant_access (id),
    window_index BIGINT NOT NULL,
    debit_reserved BIGINT NOT NULL,
    debit_committed BIGINT NOT NULL,
    receive_reserved BIGINT NOT NULL,
    receive_committed BIGINT NOT NULL,
    receive_asset_code TEXT,
    receive_asset_scale BIGINT,
    PRIMARY KEY (access_id, window_index)
);

CREATE TABLE access_token (
    id BYTEA NOT NULL PRIMARY KEY,
    grant_id BYTEA NOT NULL REFERENCES op_grant (id),
    value_hash BYTEA NOT NULL UNIQUE,
    state TEXT NOT NULL,
    successor_id BYTEA,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX access_token_active ON access_token (grant_id) WHERE state = 'active';

CREATE TABLE incoming_payment (
    id BYTEA NOT NULL PRIMARY KEY,
    wallet_address_id BYTEA NOT NULL REFERENCES wallet_address (id),
    client TEXT NOT NULL,
    asset_code TEXT NOT NULL,
    asset_scale BIGINT NOT NULL,
    incoming BIGINT,
    received BIGINT NOT NULL,
    metadata TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    completed_at BIGINT,
    CHECK (received >= 0),
    CHECK (incoming IS NULL OR received <= incoming)
);
CREATE INDEX incoming_payment_list ON incoming_payment (wallet_address_id, id);
CREATE INDEX incoming_payment_own_list ON incoming_payment (wallet_address_id, client, id);

CREATE TABLE quote (
    id BYTEA NOT NULL PRIMARY KEY,
    wallet_address_id BYTEA NOT NULL REFERENCES wallet_address (id),
    client TEXT NOT NULL,
    receiver TEXT NOT NULL,
    incoming_payment_id BYTEA NOT NULL,
    debit BIGINT NOT NULL,
    debit_asset_code TEXT NOT NULL,
    debit_asset_scale BIGINT NOT NULL,
    receive BIGINT NOT NULL,
    receive_asset_code TEXT NOT NULL,
    receive_asset_scale BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_by BYTEA
);
CREATE INDEX quote_unused ON quote (expires_at) WHERE used_by IS NULL;

CREATE TABLE outgoing_payment (
    id BYTEA NOT NULL PRIMARY KEY,
    wallet_address_id BYTEA NOT NULL REFERENCES wallet_address (id),
    client TEXT NOT NULL,
    access_id BYTEA NOT NULL REFERENCES grant_access (id),
    window_index BIGINT NOT NULL,
    quote_id BYTEA,
    receiver TEXT NOT NULL,
    incoming_payment_id BYTEA NOT NULL,
    debit BIGINT NOT NULL,
    debit_asset_code TEXT NOT NULL,
    debit_asset_scale BIGINT NOT NULL,
    receive BIGINT NOT NULL,
    receive_asset_code TEXT NOT NULL,
    receive_asset_scale BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    state TEXT NOT NULL,
    metadata TEXT,
    created_at BIGINT NOT NULL,
    CHECK (sent >= 0 AND sent <= debit)
);
CREATE INDEX outgoing_payment_list ON outgoing_payment (wallet_address_id, id);
CREATE INDEX outgoing_payment_own_list ON outgoing_payment (wallet_address_id, client, id);

CREATE TABLE idempotency_key (
    client TEXT NOT NULL,
    key TEXT NOT NULL,
    request_hash BYTEA NOT NULL,
    resource_id BYTEA NOT NULL,
    answer TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (client, key)
);
CREATE INDEX idempotency_key_by_age ON idempotency_key (created_at);

CREATE TABLE signature_nonce (
    hash BYTEA NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX signature_nonce_by_expiry ON signature_nonce (expires_at);
