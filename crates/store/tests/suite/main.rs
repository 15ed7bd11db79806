//! One suite for both engines: every case is a plain function over a fresh database, and runs once on an SQLite file
//! and once on a PostgreSQL server (`BURSAR_TEST_POSTGRES`, which `cargo xtask test` sets up).

mod audit;
mod bank;
mod database;
mod expired;
mod grants;
mod groups;
mod later;
mod ledger;
mod lists;
mod locations;
mod mandates;
mod migrations;
mod movements;
mod payments;
mod people;
mod races;
mod requests;
mod server;
mod statements;
mod wallets;

/// Makes of each case a test for each engine.
macro_rules! suite {
    ($($module:ident { $($case:ident),+ $(,)? })+) => {
        mod sqlite {
            $(mod $module {
                $(#[test] fn $case() { crate::database::run_on_file(crate::$module::$case); })+
            })+
        }
        mod postgres {
            $(mod $module {
                $(#[test] fn $case() { crate::database::run_on_server(crate::$module::$case); })+
            })+
        }
    };
}

suite! {
    audit {
        an_empty_database_is_sound,
        a_used_database_is_sound,
        every_kind_of_damage_is_found,
        payments_that_nobody_allowed,
        limits_that_were_lowered,
        damage_that_the_database_itself_refuses,
        the_auditor_sees_one_moment,
    }
    expired {
        no_batch_reads_a_whole_table,
        what_cleaning_deletes_is_found_by_those_that_refer_to_it,
        waiting_rows_are_counted_up_to_a_bound,
    }
    grants {
        grants_come_back_in_every_state,
        access_items_come_back_in_order,
        a_grant_moves_only_from_the_state_it_is_in,
        a_poll_is_noted_while_nothing_is_decided,
        only_what_was_never_granted_is_deleted,
        tokens_come_back_in_every_state,
        a_token_is_replaced_once,
        revoking_reaches_every_active_token,
        only_tokens_that_ended_are_deleted,
        states_that_lack_something_are_not_read,
    }
    groups {
        nothing_is_answered_before_its_commit,
        writes_of_a_group_stand_or_fall_alone,
        a_failed_commit_is_told_to_everybody,
        a_write_is_tried_again_while_that_may_help,
        a_write_that_keeps_failing_is_given_up,
        errors_that_nothing_helps_against_are_answered_at_once,
        more_writes_than_one_group_holds,
        a_caller_that_goes_away_changes_nothing,
        a_statement_that_failed_undoes_its_write,
    }
    later {
        reads_see_every_change,
        a_refused_write_leaves_nothing,
        whoever_fails_late_fails_alone,
        more_changes_than_are_kept_waiting,
        fetched_answers_are_those_that_would_have_come,
        changes_made_together,
    }
    ledger {
        accounts_come_back,
        there_is_one_account_of_a_kind_and_asset,
        transfers_move_balances,
        a_transfer_is_made_once,
        a_reservation_is_ended_once,
        accounts_keep_to_what_they_allow,
        sums_past_64_bits_are_refused,
        a_refused_transfer_changes_nothing,
        the_store_allows_what_the_rules_allow,
    }
    lists {
        pages_hold_what_they_should,
    }
    mandates {
        a_pause_and_its_revisions,
        limits_change_only_from_what_they_were,
        changes_come_back_newest_first,
        grants_of_an_account_holder,
        apps_that_an_account_holder_knows,
        spending_of_several_windows,
        payments_of_an_app,
    }
    migrations {
        a_fresh_database_gets_every_version,
        migrating_again_changes_nothing,
        several_nodes_may_start_at_once,
        a_newer_schema_is_refused,
        a_failed_migration_leaves_nothing_behind,
        quotes_of_the_first_version_are_still_read,
        passwords_of_the_first_version_still_count,
        payments_of_the_first_version_keep_their_grant,
    }
    movements {
        each_end_has_its_list,
        both_ends_and_what_lies_around_are_told,
        a_receiver_elsewhere_is_nobody_here,
        transfers_are_told_with_their_accounts,
        earlier_payments_are_found_by_whom_they_reached,
    }
    payments {
        incoming_payments_come_back,
        an_incoming_payment_changes_only_from_what_it_was,
        incoming_payments_expire_once,
        quotes_come_back,
        a_quote_is_used_once,
        only_quotes_that_expired_unused_are_deleted,
        outgoing_payments_come_back,
        a_counter_comes_back,
        a_counter_moves_only_from_what_it_was,
        a_window_is_counted_apart_from_others,
    }
    people {
        account_holders_come_back,
        names_are_taken_once,
        what_people_choose_is_kept_until_they_leave,
        a_password_is_changed_from_the_one_it_was,
        passkeys_come_and_go,
        a_recovery_code_is_used_once_by_its_holder,
        an_identity_is_one_persons,
        a_session_lasts_until_it_expires,
        sessions_are_renewed_and_ended_one_by_one,
        failed_log_ins_are_counted,
        cleaning_goes_in_small_steps,
        a_nonce_is_new_once,
        a_key_is_remembered_for_its_client,
        settings_are_replaced,
    }
    races {
        a_counter_under_many_writers_is_exact,
        without_locks_every_answer_is_still_true,
        sixty_four_clients_race_one_grant,
        one_grant_is_not_overspent_without_locks,
        of_many_exactly_one_wins,
        an_account_pays_only_what_it_has,
        reading_goes_on_while_a_write_is_open,
        a_snapshot_sees_one_moment,
        more_readers_than_connections_wait_their_turn,
        a_read_that_fails_harms_nobody,
    }
    statements {
        parameters_are_bound_by_number,
        every_parameter_has_a_value_and_every_value_a_parameter,
        values_come_back,
        what_is_not_there_is_null,
        a_column_of_another_type_is_not_read,
        errors_are_told_apart,
        what_one_engine_cannot_hold_neither_takes,
        guarded_changes_touch_one_row,
        any_value_comes_back,
    }
    wallets {
        wallet_addresses_come_back,
        an_address_is_taken_once,
        keys_come_and_go,
        a_payment_moves_money_between_two_accounts,
        addresses_of_an_account_holder,
        the_nearest_address_above,
        an_address_changes_for_its_owner_only,
        keys_have_names_and_a_last_use,
    }
    requests {
        requests_come_back,
        requests_are_listed_for_their_owner,
    }
}
