//! How far help may go: tiers, asked for by the student and granted by the course's policy.

use learnflow_events::payload::HintTier;
use serde::{Deserialize, Serialize};

/// What a class without a policy, and a learner without a class, get at most. The solution itself is a teacher's to
/// allow.
pub const MOST_WITHOUT_POLICY: HintTier = HintTier::WorkedPart;

/// What is known about a student's tutoring when a question is answered (migrations/0030_llm.sql, `tutoring`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tutoring {
    /// Whether a language model may be asked.
    pub consent: bool,
    /// The most that the student's classes allow for this exercise.
    pub max_tier: Option<HintTier>,
    /// What the teachers of the student's classes want to be said.
    pub notes: Vec<CourseNote>,
    /// The tier of the last answer about this exercise.
    pub last_tier: Option<HintTier>,
    /// The program that the last answer was about.
    pub last_code: Option<String>,
    /// Submissions since then.
    pub attempts_since_hint: u32,
}

/// A teacher's note.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CourseNote {
    /// Its title.
    pub title: String,
    /// Markdown.
    pub text: String,
    /// The topics that it is about; empty for all.
    pub topics: Vec<String>,
}

/// What is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The tier.
    pub tier: HintTier,
    /// What to tell a student who asked for more.
    pub sentence: &'static str,
}

impl Tutoring {
    /// Grants a tier: the usual one when none is asked for, never above the policy, and above the last answer's (or
    /// the usual tier) by one step only, after an attempt.
    pub fn grant(&self, asked: Option<HintTier>, code: Option<&str>) -> Grant {
        let most = self.max_tier.unwrap_or(MOST_WITHOUT_POLICY);
        let usual = HintTier::default();
        let Some(asked) = asked else { return Grant { tier: usual.min(most), sentence: "" } };
        let reached = self.last_tier.map_or(usual, |last| last.max(usual));
        let ceiling = if self.attempted(code) { next(reached) } else { reached };
        let tier = asked.min(ceiling).min(most);
        let sentence = if tier == asked {
            ""
        } else if tier == most {
            "Your course allows no more help than this here."
        } else {
            "Try it first: a further hint comes after your next attempt."
        };
        Grant { tier, sentence }
    }

    /// Holds help to what is allowed for another exercise too that the question may be about: the strictest counts.
    pub fn hold_to(&mut self, other: &Self) {
        if self.max_tier.is_some() || other.max_tier.is_some() {
            let most = |tutoring: &Self| tutoring.max_tier.unwrap_or(MOST_WITHOUT_POLICY);
            self.max_tier = Some(most(self).min(most(other)));
        }
    }

    /// Whether the student has tried since the last answer: submitted, or changed the program.
    fn attempted(&self, code: Option<&str>) -> bool {
        let squeezed = |text: &str| text.split_whitespace().collect::<String>();
        self.last_tier.is_some()
            && (self.attempts_since_hint > 0
                || match (code, &self.last_code) {
                    (Some(now), Some(before)) => squeezed(now) != squeezed(before),
                    _ => false,
                })
    }
}

/// The tier above.
pub fn next(tier: HintTier) -> HintTier {
    match tier {
        HintTier::Nudge => HintTier::Pointer,
        HintTier::Pointer => HintTier::Explanation,
        HintTier::Explanation => HintTier::WorkedPart,
        HintTier::WorkedPart | HintTier::Full => HintTier::Full,
    }
}

/// The tier below.
pub fn lower(tier: HintTier) -> HintTier {
    match tier {
        HintTier::Nudge | HintTier::Pointer => HintTier::Nudge,
        HintTier::Explanation => HintTier::Pointer,
        HintTier::WorkedPart => HintTier::Explanation,
        HintTier::Full => HintTier::WorkedPart,
    }
}

#[cfg(test)]
mod tests {
    use HintTier::{Explanation, Full, Nudge, Pointer, WorkedPart};

    use super::*;

    #[test]
    fn help_grows_by_one_step_for_each_attempt() {
        let mut tutoring = Tutoring::default();
        assert_eq!(tutoring.grant(None, None).tier, Explanation);
        assert_eq!(tutoring.grant(Some(Full), Some("x = 1")).tier, Explanation);
        assert_eq!(tutoring.grant(Some(Nudge), None).tier, Nudge);
        tutoring.last_tier = Some(Explanation);
        tutoring.last_code = Some("x = 1".to_owned());
        assert_eq!(tutoring.grant(Some(WorkedPart), Some("x  =  1\n")).tier, Explanation);
        assert_eq!(tutoring.grant(Some(WorkedPart), Some("x = 2")).tier, WorkedPart);
        tutoring.attempts_since_hint = 1;
        assert_eq!(tutoring.grant(Some(Full), None).tier, WorkedPart);
    }

    #[test]
    fn of_several_policies_the_strictest_counts() {
        let of = |max_tier| Tutoring { max_tier, ..Tutoring::default() };
        for (one, other, both) in [
            (None, None, None),
            (None, Some(Pointer), Some(Pointer)),
            // Leaving the exercise out does not give what is allowed for it alone.
            (None, Some(Full), Some(WorkedPart)),
            (Some(Full), Some(Nudge), Some(Nudge)),
            (Some(Full), Some(Full), Some(Full)),
        ] {
            let mut tutoring = of(one);
            tutoring.hold_to(&of(other));
            assert_eq!(tutoring.max_tier, both, "{one:?} and {other:?}");
            let mut tutoring = of(other);
            tutoring.hold_to(&of(one));
            assert_eq!(tutoring.max_tier, both, "{other:?} and {one:?}");
        }
    }

    #[test]
    fn the_policy_is_never_exceeded() {
        let tutoring = Tutoring {
            max_tier: Some(Pointer),
            last_tier: Some(Full),
            attempts_since_hint: 9,
            ..Tutoring::default()
        };
        let grant = tutoring.grant(Some(Full), None);
        assert_eq!(
            (grant.tier, grant.sentence),
            (Pointer, "Your course allows no more help than this here.")
        );
        assert_eq!(tutoring.grant(None, None).tier, Pointer);
        let full = Tutoring {
            max_tier: Some(Full),
            last_tier: Some(WorkedPart),
            attempts_since_hint: 1,
            ..tutoring
        };
        assert_eq!(full.grant(Some(Full), None).tier, Full);
    }
}
