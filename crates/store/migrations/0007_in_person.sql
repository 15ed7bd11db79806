-- Payments that account holders make in person are counted under no grant.
ALTER TABLE outgoing_payment RENAME COLUMN access_id TO granted_access_id;
ALTER TABLE outgoing_payment ADD COLUMN access_id BYTEA REFERENCES grant_access (id);
UPDATE outgoing_payment SET access_id = granted_access_id;
ALTER TABLE outgoing_payment DROP COLUMN granted_access_id;

-- Incoming payments that account holders asked for in person, and the note that everybody with the link may read.
CREATE TABLE payment_request (
    id BYTEA NOT NULL PRIMARY KEY REFERENCES incoming_payment (id),
    holder_id BYTEA NOT NULL REFERENCES account_holder (id),
    public_note TEXT
);
CREATE INDEX payment_request_by_holder ON payment_request (holder_id, id);

-- Keys have a name for people, and say about when they were last used.
ALTER TABLE wallet_key ADD COLUMN name TEXT;
ALTER TABLE wallet_key ADD COLUMN used_at BIGINT;
