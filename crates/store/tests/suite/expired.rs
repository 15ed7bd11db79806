//! What has expired is found by indexes, also in large tables and before the server knows what it is asked for.

use crate::database::{Database, seconds};
use bursar_store::expired::{BATCH_MAX, Kind};
use bursar_store::nonce;

/// Rows of each large table on the server, and statistics of them. Triggers are off, so that no row needs others.
const LARGE: &str = "
    SET session_replication_role = replica;
    INSERT INTO signature_nonce SELECT sha256(i::text::bytea), i / 100 FROM generate_series(1, 20000) i;
    INSERT INTO idempotency_key SELECT 'client', i::text, '', '', 'answer', i FROM generate_series(1, 20000) i;
    INSERT INTO incoming_payment (id, wallet_address_id, client, asset_code, asset_scale, received, created_at, expires_at)
        SELECT sha256(i::text::bytea), '', 'client', 'USD', 2, 0, i, i FROM generate_series(1, 20000) i;
    INSERT INTO access_token (id, grant_id, state, created_at, expires_at, ended_at)
        SELECT sha256(i::text::bytea), sha256(i::text::bytea), 'rotated', i, i, i FROM generate_series(1, 20000) i;
    INSERT INTO quote (id, wallet_address_id, client, receiver, incoming_payment_id, debit, debit_asset_code,
            debit_asset_scale, receive, receive_asset_code, receive_asset_scale, created_at, expires_at)
        SELECT sha256(i::text::bytea), '', 'client', 'url', '', 1, 'USD', 2, 1, 'USD', 2, i, i
        FROM generate_series(1, 20000) i;
    INSERT INTO op_grant (id, state, client, key_kid, key_x, endpoint, created_at, expires_at)
        SELECT sha256(i::text::bytea), 'pending', 'client', 'kid', '', '/', i, i FROM generate_series(1, 20000) i;
    ANALYZE";

pub fn no_batch_reads_a_whole_table(db: &Database) {
    db.store();
    if !db.is_file() {
        db.run(LARGE);
    }
    for kind in Kind::ALL {
        // Tables of people stay small here, and are read whole because of that.
        if !db.is_file() && matches!(kind, Kind::Sessions | Kind::LoginFailures) {
            continue;
        }
        let plan = db.plan(kind.statement());
        assert!(plan.iter().any(|line| line.contains("USING") || line.contains("Index")), "{kind:?}: {plan:#?}");
        // What a subquery found may be read whole: that is the batch.
        let scans = |line: &&String| {
            let line = line.trim_start_matches([' ', '-', '>']);
            line.starts_with("Seq Scan") || (line.starts_with("SCAN ") && line != "SCAN oldest")
        };
        let scan = plan.iter().find(scans);
        assert_eq!(scan, None, "{kind:?}: {plan:#?}");
    }
}

pub fn what_cleaning_deletes_is_found_by_those_that_refer_to_it(db: &Database) {
    db.store();
    // Both engines look for rows that refer to a deleted one. The schema is the same, so one of them can be asked.
    if !db.is_file() {
        return;
    }
    let unindexed = db.number(
        r#"SELECT COUNT(*) FROM sqlite_master t, pragma_foreign_key_list(t.name) k
           WHERE t.type = 'table' AND k."table" IN ('op_grant', 'grant_access', 'access_token', 'quote', 'session')
               AND NOT EXISTS (SELECT 1 FROM pragma_index_list(t.name) i, pragma_index_info(i.name) c
                               WHERE i.partial = 0 AND c.seqno = 0 AND c.name = k."from")"#,
    );
    assert_eq!(unindexed, 0, "each of these foreign keys needs an index that begins with it and leaves no row out");
    assert!(db.number("SELECT COUNT(*) FROM sqlite_master t, pragma_foreign_key_list(t.name) k") > 9);
}

pub fn waiting_rows_are_counted_up_to_a_bound(db: &Database) {
    let nonces = BATCH_MAX + 44;
    db.write(move |tx| {
        for number in 0..nonces {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&number.to_be_bytes());
            nonce::use_once(tx, &hash, seconds(5))?;
        }
        Ok(())
    });
    let waiting = |second: i64, most: u64| db.write(move |tx| Kind::Nonces.waiting(tx, seconds(second), most));
    assert_eq!((waiting(4, 1000), waiting(5, 1000), waiting(5, 7)), (0, nonces, 7));
    // However much is asked for, a batch is no larger than a batch.
    let forget = |most: u64| db.write(move |tx| Kind::Nonces.forget(tx, seconds(5), most));
    assert_eq!((forget(u64::MAX), forget(4), forget(u64::MAX), forget(1)), (BATCH_MAX, 4, 40, 0));
    for kind in Kind::ALL {
        assert_eq!(db.write(move |tx| kind.waiting(tx, seconds(5), 9)), 0, "{kind:?}");
    }
}
