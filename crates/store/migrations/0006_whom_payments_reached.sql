-- Which wallet address a payment reached, so that people find what they received in the order in which it came: the
-- incoming payment that took it may be much older.
ALTER TABLE outgoing_payment ADD COLUMN payee_id BYTEA;
UPDATE outgoing_payment SET payee_id =
    (SELECT i.wallet_address_id FROM incoming_payment i WHERE i.id = outgoing_payment.incoming_payment_id);
CREATE INDEX outgoing_payment_received ON outgoing_payment (payee_id, id);
