-- What of a debit is the provider's fee, and at which rate the rest is converted. Earlier prices had no fee; their
-- rate is only known where it is one.
ALTER TABLE quote ADD COLUMN fee BIGINT NOT NULL DEFAULT 0;
ALTER TABLE quote ADD COLUMN rate TEXT;
UPDATE quote SET rate = '1/1' WHERE debit_asset_code = receive_asset_code;
ALTER TABLE outgoing_payment ADD COLUMN fee BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outgoing_payment ADD COLUMN rate TEXT;
UPDATE outgoing_payment SET rate = '1/1' WHERE debit_asset_code = receive_asset_code;

-- When it was noted that a payment takes no more money because its time was over.
ALTER TABLE incoming_payment ADD COLUMN expired_at BIGINT;
CREATE INDEX incoming_payment_open ON incoming_payment (expires_at) WHERE completed_at IS NULL AND expired_at IS NULL;

-- Tokens that were replaced or revoked are forgotten after a while.
CREATE INDEX access_token_ended ON access_token (ended_at) WHERE ended_at IS NOT NULL;
