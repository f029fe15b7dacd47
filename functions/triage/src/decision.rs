//! The decision and its reason.

use learnflow_events::{Route, payload::QuerySubmitted};

use crate::{
    features::{self, Feature},
    model::{CLASSES, Model},
};

/// Below this probability, or with the second this close behind, triage says that it hesitates.
const UNSURE_BELOW: f64 = 0.5;
const UNSURE_MARGIN: f64 = 0.15;
/// Words and flags that a reason names.
const REASONS: usize = 3;

/// Who answers, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Who answers.
    pub route: Route,
    /// Calibrated probability that this is right, 0 to 1.
    pub confidence: f64,
    /// The other routes, most likely first, with their probabilities.
    pub alternatives: Vec<(Route, f64)>,
    /// One sentence for the student and the log.
    pub reasoning: String,
}

impl Decision {
    /// Whether the words alone leave it open who answers.
    pub fn unsure(&self) -> bool {
        let second = self.alternatives.first().map_or(0.0, |(_, confidence)| *confidence);
        self.confidence < UNSURE_BELOW || self.confidence - second < UNSURE_MARGIN
    }
}

/// Decides who answers a message. A specialist that the student named is only confirmed.
pub fn classify(query: &QuerySubmitted) -> Decision {
    if let Some(route) = query.route {
        return Decision {
            route,
            confidence: 1.0,
            alternatives: Vec::new(),
            reasoning: format!("The student chose {} for this message.", label(route)),
        };
    }
    classify_with(Model::built_in(), query)
}

/// Decides with another model than the built-in one, going by the message alone.
pub fn classify_with(model: &Model, query: &QuerySubmitted) -> Decision {
    let features = features::extract(query);
    let probabilities = model.probabilities(&features);
    let mut ranked: Vec<(Route, f64)> = Route::ALL.into_iter().zip(probabilities).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let (route, confidence) = ranked.remove(0);
    let reasons = reasons(model, &features, route);
    let (second, second_confidence) = ranked[0];
    let reasoning = if confidence < UNSURE_BELOW || confidence - second_confidence < UNSURE_MARGIN {
        format!(
            "Unsure between {} ({:.0} %) and {} ({:.0} %){reasons}.",
            label(route),
            confidence * 100.0,
            label(second),
            second_confidence * 100.0
        )
    } else {
        format!("This is for {}{reasons}.", label(route))
    };
    Decision { route, confidence, alternatives: ranked, reasoning }
}

/// What the agents are called in a sentence.
pub(crate) fn label(route: Route) -> &'static str {
    match route {
        Route::Concepts => "the concepts agent",
        Route::CodeReview => "the code reviewer",
        Route::Debug => "the debugger",
        Route::Exercise => "the exercise agent",
        Route::Progress => "the progress agent",
        Route::CodeRunner => "the code runner",
        Route::OutOfScope => "nobody here, since it is not about learning Python",
    }
}

/// The words and flags that speak most for `route`, as the end of a sentence.
fn reasons(model: &Model, features: &[Feature], route: Route) -> String {
    let class = Route::ALL.iter().position(|known| *known == route).unwrap_or(CLASSES - 1);
    let mut named: Vec<(f32, &str)> = features
        .iter()
        .filter_map(|feature| Some((model.support(feature, class), feature.name.as_deref()?)))
        // A word of the message is quoted in the reason: only short ones, and no absences.
        .filter(|(support, name)| *support > 0.0 && name.chars().count() <= 40 && !name.starts_with("no "))
        .collect();
    named.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    named.dedup_by(|a, b| a.1 == b.1);
    let quoted: Vec<String> =
        named
            .iter()
            .take(REASONS)
            .map(|(_, name)| {
                if name.contains(' ') || *name == "code" {
                    (*name).to_owned()
                } else {
                    format!("“{name}”")
                }
            })
            .collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => format!(", going by {one}"),
        [first @ .., last] => format!(", going by {} and {last}", first.join(", ")),
    }
}
