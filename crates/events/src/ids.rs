//! Derived identifiers: the same cause always gives the same id, so repeats are recognised.

use uuid::Uuid;

/// Namespace of all derived ids (a random version 4 UUID, fixed for ever).
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1f_3c5e_9a0b_4d57_8c1e_2b7d_54a9_e301);

fn derive(parts: &[&str]) -> Uuid {
    // The unit separator cannot be part of an id that was accepted, so the parts stay apart.
    Uuid::new_v5(&NAMESPACE, parts.join("\u{1f}").as_bytes())
}

/// The id of the event of type `event_type` that `cause` gives rise to (UUID version 5, RFC 9562).
pub fn caused_event(cause: &str, event_type: crate::EventType) -> Uuid {
    derive(&["event", cause, event_type.as_str()])
}

/// The id of the turn that a submitted event starts; CloudEvents are unique by `source` and `id`.
pub fn turn_of_event(source: &str, id: &str) -> Uuid {
    derive(&["turn", source, id])
}

/// The id of the turn that an HTTP request with an `Idempotency-Key` starts.
pub fn turn_of_request(student_id: &str, idempotency_key: &str) -> Uuid {
    derive(&["request", student_id, idempotency_key])
}

/// The id of a student account that is known by its name alone (`learnflow ask --student NAME`).
pub fn student_of_name(name: &str) -> Uuid {
    derive(&["student", name])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventType;

    #[test]
    fn derived_ids_never_change() {
        // A changed value would make every stored inbox row useless.
        insta::assert_snapshot!(caused_event("c", EventType::QueryRouted), @"4f261e46-fdb3-543f-912a-fc94c68d24de");
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(turn_of_event("ab", "c"), turn_of_event("a", "bc"));
        assert_ne!(turn_of_event("a", "b"), turn_of_request("a", "b"));
    }
}
