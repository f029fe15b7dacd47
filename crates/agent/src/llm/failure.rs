//! What can go wrong with a provider, and what follows from it.
//!
//! The rows of the table in the research document (section 3.5), as [`ModelFault::next`]:
//!
//! | error | follows |
//! |---|---|
//! | 429 | another key at once; otherwise waiting as long as the provider says, in place when that is short, else the event is put off |
//! | 401, 403 | another key, an alert for the operator; without one the cached or the authored answer |
//! | 400 and other 4xx | logged; the authored answer, with a sentence for the student |
//! | 5xx, no connection, nothing in time | three tries with growing pauses, then the authored answer |
//! | 529 | an event is put off (the broker tries again) and the student is told so; a person who waits gets two more tries |

use std::time::Duration;

use serde_json::Value;

/// Tries of one call.
pub const TRIES: u32 = 3;
/// The longest that a call waits in place because a provider asked it to.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often an event is put off before the authored tutor answers: 1 + 2 + 4 seconds of the broker's backoff.
pub const DEFERRALS: u32 = 3;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelFaultKind {
    /// 429.
    RateLimited,
    /// 401 or 403: the key is wrong or may not do this.
    Key,
    /// Another 4xx: the request is not what the provider takes.
    BadRequest,
    /// 5xx.
    Server,
    /// 529, or an overload reported in a stream.
    Overloaded,
    /// No connection.
    Connection,
    /// Nothing came in time.
    Timeout,
    /// The stream ended before the answer.
    Cut,
    /// Not the protocol.
    Malformed,
    /// Longer than is read.
    TooLong,
    /// The circuit breaker is open: nobody was asked.
    BreakerOpen,
    /// The student's budget of the day is spent: nobody was asked.
    StudentBudget,
    /// The site's budget of the day is spent: nobody was asked.
    SiteBudget,
    /// The one who waited for the answer is gone.
    Cancelled,
}

impl ModelFaultKind {
    /// The name by which it is counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::Key => "key",
            Self::BadRequest => "bad_request",
            Self::Server => "server",
            Self::Overloaded => "overloaded",
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::Cut => "cut",
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::BreakerOpen => "breaker_open",
            Self::StudentBudget => "student_budget",
            Self::SiteBudget => "site_budget",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it says that the provider is unwell, which is what the circuit breaker counts.
    pub fn trips_breaker(self) -> bool {
        use ModelFaultKind::{Connection, Overloaded, Server, Timeout};
        matches!(self, Server | Overloaded | Connection | Timeout)
    }

    /// What the student reads behind the authored answer; empty when there is nothing to say.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::BadRequest => {
                "(The language model could not work with this message, so the tutor's own notes answer it.)"
            }
            Self::StudentBudget => {
                "(Your share of the language model is used up for today, so the tutor's own notes answer.)"
            }
            Self::SiteBudget => {
                "(The language model's budget of today is used up, so the tutor's own notes answer.)"
            }
            _ => "",
        }
    }
}

/// A fault of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFault {
    /// What went wrong.
    pub kind: ModelFaultKind,
    /// What the operator reads; never a key, never the student's text.
    pub context: String,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
}

/// What to do about a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask with the next key at once.
    NextKey,
    /// Ask again after a pause.
    Wait(Duration),
    /// Put the event off: the broker delivers it again.
    Defer(Duration),
    /// Answer without the model.
    GiveUp,
}

/// What a decision rests on.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// Tries so far with pauses between them, from 1.
    pub tries: u32,
    /// Keys that were not tried yet.
    pub other_keys: bool,
    /// Whether the question came as an event that can be put off.
    pub event: bool,
    /// The pause before the second try; it doubles.
    pub pause: Duration,
}

impl ModelFault {
    /// A fault of `kind`.
    pub fn new(kind: ModelFaultKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), retry_after: None }
    }

    /// From the head of a response that is no answer, and the beginning of its body.
    pub fn of_response(status: u16, retry_after: Option<&str>, body: &str) -> Self {
        let kind = match status {
            429 => ModelFaultKind::RateLimited,
            401 | 403 => ModelFaultKind::Key,
            529 => ModelFaultKind::Overloaded,
            408 => ModelFaultKind::Timeout,
            400..=499 => ModelFaultKind::BadRequest,
            _ => ModelFaultKind::Server,
        };
        // A provider may repeat the request in its complaint; the operator needs the kind of complaint only.
        let complaint: Value = serde_json::from_str(body).unwrap_or_default();
        let complaint = complaint["error"]["type"].as_str().unwrap_or("no type").to_owned();
        let complaint: String = complaint.chars().filter(|c| c.is_ascii_graphic()).take(60).collect();
        let mut fault = Self::new(kind, format!("the provider answered {status} ({complaint})"));
        fault.retry_after = retry_after
            .and_then(|text| text.trim().parse::<f64>().ok())
            .and_then(|seconds| Duration::try_from_secs_f64(seconds.clamp(0.0, 3600.0)).ok());
        fault
    }

    /// From an error that a stream reports.
    pub(super) fn reported(error: &Value) -> Self {
        let name = error["type"].as_str().or(error["code"].as_str()).unwrap_or_default();
        let kind = match name {
            "overloaded_error" => ModelFaultKind::Overloaded,
            "rate_limit_error" | "rate_limit_exceeded" => ModelFaultKind::RateLimited,
            "authentication_error" | "permission_error" | "invalid_api_key" => ModelFaultKind::Key,
            "invalid_request_error" | "not_found_error" => ModelFaultKind::BadRequest,
            _ => ModelFaultKind::Server,
        };
        let name: String = name.chars().filter(|c| c.is_ascii_graphic()).take(60).collect();
        Self::new(kind, format!("the provider reported {name} in its stream"))
    }

    /// What to do.
    pub fn next(&self, situation: Situation) -> Next {
        use ModelFaultKind::{Connection, Key, Overloaded, RateLimited, Server, Timeout};
        let Situation { tries, other_keys, event, pause } = situation;
        let backoff = pause.saturating_mul(2u32.saturating_pow(tries.saturating_sub(1)));
        let wait = self.retry_after.unwrap_or(backoff);
        match self.kind {
            RateLimited | Key if other_keys => Next::NextKey,
            RateLimited if tries < TRIES && wait <= PATIENCE => Next::Wait(wait),
            RateLimited if event => Next::Defer(wait),
            Overloaded if event => Next::Defer(wait),
            Overloaded | Server | Connection | Timeout if tries < TRIES => Next::Wait(wait.min(PATIENCE)),
            _ => Next::GiveUp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table as text, so that a change of any row is seen.
    #[test]
    fn every_row_of_the_table() {
        let mut table = String::new();
        for (status, retry_after) in [
            (429, None),
            (429, Some("1")),
            (429, Some("30")),
            (401, None),
            (400, None),
            (413, None),
            (500, None),
            (529, None),
        ] {
            for event in [false, true] {
                let fault = ModelFault::of_response(status, retry_after, "");
                let steps: Vec<String> = (1..=TRIES)
                    .map(|tries| {
                        let pause = Duration::from_secs(1);
                        format!("{:?}", fault.next(Situation { tries, other_keys: false, event, pause }))
                    })
                    .collect();
                let after = retry_after.map(|text| format!(", retry-after {text}")).unwrap_or_default();
                let entrance = if event { "event" } else { "person" };
                table.push_str(&format!("{status}{after}, {entrance}: {}\n", steps.join(", ")));
            }
        }
        insta::assert_snapshot!(table, @r"
        429, person: Wait(1s), Wait(2s), GiveUp
        429, event: Wait(1s), Wait(2s), Defer(4s)
        429, retry-after 1, person: Wait(1s), Wait(1s), GiveUp
        429, retry-after 1, event: Wait(1s), Wait(1s), Defer(1s)
        429, retry-after 30, person: GiveUp, GiveUp, GiveUp
        429, retry-after 30, event: Defer(30s), Defer(30s), Defer(30s)
        401, person: GiveUp, GiveUp, GiveUp
        401, event: GiveUp, GiveUp, GiveUp
        400, person: GiveUp, GiveUp, GiveUp
        400, event: GiveUp, GiveUp, GiveUp
        413, person: GiveUp, GiveUp, GiveUp
        413, event: GiveUp, GiveUp, GiveUp
        500, person: Wait(1s), Wait(2s), GiveUp
        500, event: Wait(1s), Wait(2s), GiveUp
        529, person: Wait(1s), Wait(2s), GiveUp
        529, event: Defer(1s), Defer(2s), Defer(4s)
        ");
    }

    #[test]
    fn another_key_is_tried_first() {
        let situation = Situation { tries: 1, other_keys: true, event: true, pause: Duration::from_secs(1) };
        for status in [401, 429] {
            assert_eq!(ModelFault::of_response(status, Some("30"), "").next(situation), Next::NextKey);
        }
        assert_ne!(ModelFault::of_response(400, None, "").next(situation), Next::NextKey);
    }

    #[test]
    fn a_complaint_keeps_its_kind_only() {
        let body = r#"{"error":{"type":"invalid_request_error","message":"messages.0: my secret question"}}"#;
        let fault = ModelFault::of_response(400, None, body);
        assert_eq!(fault.context, "the provider answered 400 (invalid_request_error)");
    }
}
