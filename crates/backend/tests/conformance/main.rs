//! One contract, every backend: the same cases run on the store in memory, on a standalone Redis
//! and on a Redis Cluster. A case is a fact about the ports; its name says which.

#![allow(clippy::unwrap_used, reason = "a test fails where it is wrong")]

mod cases;
#[path = "../support/mod.rs"]
mod support;

use std::{pin::Pin, sync::Arc};

use futures_util::future::join_all;
use support::{ground::Ground, server};
use tokio::sync::Semaphore;

/// A case's name and what it does.
type Case = (
    &'static str,
    fn(Ground) -> Pin<Box<dyn Future<Output = ()> + Send>>,
);

/// Makes a test of every case on every backend.
macro_rules! on_every_backend {
    ($($file:ident: $($case:ident)*;)*) => {
        mod memory {
            $(mod $file {
                $(#[tokio::test(start_paused = true)]
                async fn $case() {
                    crate::cases::$file::$case(crate::Ground::memory()).await;
                })*
            })*
        }

        mod redis {
            $(mod $file {
                $(#[tokio::test]
                async fn $case() {
                    let server = crate::server::Server::start(&[]);
                    crate::cases::$file::$case(crate::Ground::redis(&server)).await;
                })*
            })*
        }

        const ALL: &[Case] = &[
            $($((
                concat!(stringify!($file), "::", stringify!($case)),
                |ground| Box::pin(cases::$file::$case(ground)),
            ),)*)*
        ];
    };
}

on_every_backend! {
    log:
        a_log_counts_by_one_and_keeps_its_epoch
        every_subscribed_node_hears_an_append_and_so_does_the_sender
        what_is_delivered_is_the_draft_in_its_place
        a_repeat_gets_the_first_ones_place_and_is_not_delivered
        only_the_same_user_topic_and_choice_make_a_repeat
        concurrent_repeats_are_stored_once
        all_nodes_hear_concurrent_senders_in_one_order
        without_its_room_a_log_cannot_be_appended_to
        a_room_that_comes_again_begins_a_new_log_above_the_last
        a_namespace_has_a_log_without_anybody_there
        a_user_and_a_stream_have_logs_without_a_room
        a_full_log_refuses_until_it_is_cleared
        what_entries_have_in_common_counts_once
        whom_an_entry_excepts_is_kept
        a_log_ends_when_nothing_is_added
        pages_hold_what_was_asked_for
        the_oldest_entries_are_trimmed
        a_log_that_lost_its_tail_begins_anew_beyond_it
        a_repeat_is_recognised_in_a_renewed_log
        a_node_that_begins_anew_renews_the_logs_that_it_knows_more_of;
    bus:
        a_publish_is_heard_by_the_others_who_subscribed
        what_was_unsubscribed_is_not_heard
        a_topic_subscribed_twice_is_heard_once
        marks_and_attachments_survive_the_relay
        one_senders_parcels_arrive_in_order
        a_node_hears_that_the_relay_is_up
        listening_is_for_one;
    members:
        the_first_connection_of_a_user_enters_a_room_aloud
        entering_twice_is_entering_once
        entering_keeps_the_status_and_updates_the_name
        a_user_leaves_a_room_with_the_last_connection
        exiting_what_is_not_held_does_nothing
        an_evicted_member_is_gone_with_all_connections
        members_are_listed_longest_there_first
        a_status_is_published_and_kept
        a_namespace_is_entered_aloud_when_nobody_held_the_user
        a_namespace_is_entered_aloud_when_asked_for
        transitions_of_a_namespace_are_logged
        who_leaves_within_the_grace_is_gone_if_nothing_holds_it
        who_is_evicted_is_let_go_by_all_nodes
        a_users_moves_are_told_to_its_connections_elsewhere;
    grace:
        a_member_stays_for_the_grace_and_leaves_once
        who_comes_back_within_the_grace_never_left
        who_left_says_when_the_connection_was_lost
        an_application_is_told_who_was_lost_and_came_back
        who_leaves_a_namespace_names_the_rooms
        the_rooms_are_named_although_they_were_swept_first
        the_rooms_are_named_although_it_was_put_out_of_them_first
        concurrent_sweeps_claim_each_member_once
        a_room_goes_with_its_last_member_after_the_grace
        a_pause_of_all_sweeps_puts_deadlines_off;
    leases:
        a_life_that_stops_beating_is_dead_and_fenced
        a_retired_life_is_dead_at_once
        a_silence_of_all_kills_nobody
        what_a_dead_life_held_is_reaped_as_lost
        reaping_leaves_those_alone_whom_another_life_holds
        a_reaped_life_cannot_enter
        concurrent_reaping_removes_once
        a_life_that_has_not_begun_may_do_nothing
        a_former_life_is_over
        a_former_life_that_nobody_retires_is_dead_when_its_lease_is_over
        a_wiped_store_fences_those_who_had_begun;
    failover:
        logs_are_closed_until_every_life_has_begun_anew
        logs_are_closed_no_longer_than_a_lease
        what_nobody_lived_to_tell_is_not_given_again
        nor_is_it_where_the_witness_was_known_to_be_dead
        what_a_life_knew_that_the_copy_does_not_know_is_not_given_again
        nor_is_it_where_its_node_had_been_declared_dead
        nor_is_it_after_two_failovers_in_a_row
        nor_is_it_where_a_dump_comes_back
        what_nobody_remembers_is_not_given_again
        from_a_copy_that_has_everything_the_logs_go_on
        no_place_is_given_twice_though_the_tail_is_lost
        with_nothing_lost_the_logs_go_on
        no_place_of_a_transition_is_given_twice
        who_is_back_with_a_life_that_was_over_goes_again;
    wipe:
        a_quiet_log_is_settled_when_the_data_comes_back_after_all
        no_place_is_given_twice_though_everything_is_lost
        a_fresh_node_that_comes_first_makes_no_place_be_given_twice
        a_failover_loses_nothing_of_what_was_found_out_about_a_wipe;
    restore:
        a_restored_room_is_the_room_that_it_was
        a_restored_room_has_the_grants_of_its_members
        a_grant_that_was_taken_does_not_come_back_while_the_room_is_there
        what_is_there_is_restored_without_a_change
        another_room_of_that_name_is_joined_under_its_own_rules
        nobody_is_brought_from_a_private_room_into_a_public_one
        who_was_evicted_is_not_restored_until_it_enters_anew
        a_room_is_not_created_anew_by_who_was_evicted
        restoring_after_everything_was_lost_is_quiet
        nobody_is_gone_while_everything_is_restored
        a_status_survives_what_was_lost
        stamps_tell_what_came_later;
    user_rooms:
        a_users_rooms_are_those_that_it_has_entered
        a_users_rooms_shrink_however_it_leaves
        one_room_too_many_is_not_entered
        one_room_too_many_is_not_told_of
        who_comes_back_before_it_was_taken_out_stays_in
        of_two_rooms_at_once_no_more_are_entered_than_may_be
        who_is_evicted_while_it_enters_is_in_its_rooms_only
        nothing_remains_of_those_who_left;
    rooms:
        a_room_is_created_once
        a_room_must_exist_to_be_joined
        a_private_room_needs_a_grant_a_voucher_or_a_membership
        a_grant_lives_as_long_as_the_room
        a_rooms_names_do_not_leak_between_rooms
        only_a_member_may_return
        the_next_room_of_a_name_is_another_in_all_that_is_said_of_it
        a_secret_is_the_first_candidate;
    listing:
        public_rooms_are_listed_oldest_first
        private_rooms_are_listed_oldest_first
        private_rooms_are_listed_to_those_who_may_join
        ones_own_private_room_is_listed_however_many_others_are_older
        a_member_that_was_vouched_for_sees_its_room_while_it_is_one
        a_grant_that_is_taken_takes_the_room_from_the_list_unless_one_is_a_member
        no_entry_of_the_list_outlives_its_room
        a_room_that_comes_again_otherwise_is_listed_as_what_it_is
        a_token_that_vouches_opens_the_list
        what_is_ones_own_and_vouched_for_is_listed_once
        hostile_names_do_not_mix_in_a_list;
    limiter:
        a_burst_passes_and_more_must_wait
        a_refused_take_takes_nothing
        all_nodes_share_a_bucket
        buckets_do_not_mix;
    records:
        a_record_is_swapped_by_whoever_knows_its_version
        of_two_swaps_at_once_one_is_done
        a_version_never_comes_again
        a_record_ends_when_nobody_changes_it
        a_swap_is_heard_by_all_nodes_in_one_order
        a_swap_tells_several_in_order
        a_swap_is_told_wherever_it_is_told
        a_refused_swap_tells_nothing
        a_life_that_is_over_swaps_nothing
        records_with_hostile_names_do_not_mix;
    tallies:
        a_tally_is_opened_once
        a_member_is_counted_once_whatever_the_concurrency
        ones_own_choice_is_seen_by_oneself_only
        a_closed_tally_counts_nobody
        a_choice_that_is_none_is_refused
        what_is_told_comes_in_the_order_of_the_counts
        a_tally_is_closed_once_and_tells_what_was_counted
        a_tally_ends_with_all_that_was_counted
        a_life_that_is_over_counts_nothing
        tallies_with_hostile_names_do_not_mix;
}

/// One cluster for all cases, as starting one takes longer than most of them; each has a prefix of
/// its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_holds_on_a_redis_cluster() {
    let cluster = Arc::new(server::Cluster::start());
    let at_once = Semaphore::new(12);
    let cases = ALL.iter().map(async |(name, case)| {
        let _turn = at_once.acquire().await.unwrap();
        let running = tokio::spawn(case(Ground::cluster(&cluster, name)));
        running
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    });
    join_all(cases).await;
}
