//! Every number of the learner model. Change them here and nowhere else.

use learnflow_events::payload::ObservationKind;

/// Parameters of Bayesian knowledge tracing for one kind of evidence, as in A. T. Corbett and J. R. Anderson,
/// "Knowledge tracing: Modeling the acquisition of procedural knowledge", User Modeling and User-Adapted
/// Interaction 4 (1995), 253–278.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// P(S): the chance that somebody who knows the topic shows otherwise.
    pub slip: f64,
    /// P(G): the chance that somebody who does not know it looks as if.
    pub guess: f64,
    /// P(T): the chance that this occasion teaches it.
    pub learn: f64,
}

/// P(L₀): the chance that a student knows a topic that nothing was seen of.
pub const PRIOR: f64 = 0.15;

/// How much each kind of evidence says. Asking about a topic is nearly no evidence against knowing it (curious
/// people ask) and teaches a little; a graded exercise is the strongest.
pub const fn evidence(kind: ObservationKind) -> Evidence {
    match kind {
        ObservationKind::Question => Evidence { slip: 0.44, guess: 0.48, learn: 0.05 },
        ObservationKind::Run => Evidence { slip: 0.25, guess: 0.45, learn: 0.05 },
        ObservationKind::Review => Evidence { slip: 0.20, guess: 0.35, learn: 0.06 },
        ObservationKind::Exercise => Evidence { slip: 0.10, guess: 0.18, learn: 0.12 },
    }
}

/// How far programs that ran to their end bring the mastery of a topic: not far enough to build on. They say that a
/// program with it ended well, not that the student wrote it alone, nor that it does what it should.
pub const RUN_CEILING: f64 = 0.5;

/// Half-life of what was learnt, in days, before the first success.
///
/// The forgetting curve has the form of B. Settles and B. Meeder, "A Trainable Spaced Repetition Model for
/// Language Learning", ACL 2016: recall falls as 2^(−Δ/h), and h doubles with each recall. That time belongs
/// into knowledge tracing at all is shown by Y. Qiu, Y. Qi, H. Lu, Z. A. Pardos and N. T. Heffernan, "Does Time
/// Matter? Modeling the Effect of Time with Bayesian Knowledge Tracing", EDM 2011.
pub const HALF_LIFE_DAYS: f64 = 10.0;

/// Longest half-life, in days.
pub const LONGEST_HALF_LIFE_DAYS: f64 = 320.0;

/// From this mastery on a topic counts as mastered. (Corbett and Anderson used 0.95 with at most a handful of
/// exercises a rule; a topic here is broader and is also seen in free work.)
pub const MASTERED: f64 = 0.85;

/// From this mastery on a topic is good enough to build on.
pub const READY: f64 = 0.55;

/// Below this mastery, a topic with failures is one to grow in.
pub const WEAK: f64 = 0.45;

/// What knowing a topic says about its prerequisites: they are taken to be known with this share of its mastery.
pub const INHERITED: f64 = 0.9;

/// Mastered topics (own or inherited) that make somebody intermediate, and advanced.
pub const INTERMEDIATE_TOPICS: usize = 14;
/// See [`INTERMEDIATE_TOPICS`].
pub const ADVANCED_TOPICS: usize = 45;

/// Turns that show difficulty with the same topic, this many …
pub const SAME_TOPIC_TURNS: usize = 3;
/// … within this many seconds is a struggle.
pub const SAME_TOPIC_WINDOW_S: i64 = 600;
/// This many runs in a row that end in the same error are a struggle.
pub const SAME_ERROR_RUNS: usize = 5;
/// This many submissions of one exercise in a row without a test more that passes are a struggle.
pub const STALLED_ATTEMPTS: usize = 4;
/// Nothing done inside an unsolved exercise for this many seconds is a struggle …
pub const STILLNESS_S: i64 = 15 * 60;
/// … unless it has been so long that the student has simply gone home.
pub const GONE_S: i64 = 2 * 60 * 60;
/// A topic whose last observations, this many, are failures in the majority is a struggle topic.
pub const STRUGGLE_LOOKBACK: usize = 5;
