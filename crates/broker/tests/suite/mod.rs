//! What the broker does, on whatever log it runs: see `on_log!`.

pub mod answers;
pub mod conformance;
pub mod delivery;
pub mod doors;
pub mod restart;

/// Makes a `#[tokio::test]` of every case, on the bed that the expression gives.
macro_rules! on_log {
    ($bed:expr) => {
        suite::on_log!($bed =>
            doors::the_ingress_answers_as_knative_does
            doors::an_event_over_the_limit_is_refused_and_the_next_is_taken
            doors::structured_events_become_binary_records
            doors::records_carry_the_event_byte_for_byte
            doors::kafka_sinks_write_their_mode
            delivery::an_event_reaches_every_trigger_that_wants_it
            delivery::requests_look_like_knatives
            delivery::a_reply_is_an_event_of_the_broker
            delivery::repeats_are_delivered_as_often_as_they_come
            delivery::ordered_triggers_keep_each_partition_in_order
            delivery::unordered_triggers_do_not_wait_for_the_slow
            delivery::concurrency_is_limited_by_the_service
            delivery::a_trigger_may_write_to_a_kafka_sink
            delivery::metrics_tell_what_happened
            answers::every_answer_is_handled_as_knative_does
            answers::retries_wait_longer_each_time
            answers::retry_after_is_honoured
            answers::a_subscriber_that_does_not_answer_is_tried_again
            answers::a_dead_letter_says_what_went_wrong
            answers::a_dead_letter_without_an_answer_names_only_the_destination
            answers::the_reply_to_a_dead_letter_is_published
            answers::an_event_without_a_dead_letter_sink_is_passed_by
            answers::a_failing_dead_letter_sink_does_not_stop_the_trigger
            answers::a_reply_that_the_log_refuses_is_a_dead_letter
            conformance::every_case_is_kept
            restart::what_was_in_flight_is_delivered_again
            restart::what_waits_for_another_try_is_not_lost
            restart::a_shutdown_finishes_what_is_in_flight
            restart::what_comes_while_the_broker_is_down_is_delivered_later
            restart::two_brokers_share_the_work
        );
    };
    ($bed:expr => $($module:ident::$case:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let bed = $bed;
            suite::$module::$case(&bed).await;
        })*
    };
}
pub(crate) use on_log;
