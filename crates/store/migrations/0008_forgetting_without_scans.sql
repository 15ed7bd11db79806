-- A row that others refer to is deleted only after both engines have looked for such others. Without an index they read
-- the whole table for each row: all payments ever made, for each grant request that came to nothing.
CREATE INDEX outgoing_payment_by_access ON outgoing_payment (access_id);
DROP INDEX access_token_active;
CREATE INDEX access_token_by_grant ON access_token (grant_id, state);
CREATE INDEX grant_change_by_access ON grant_change (access_id);
