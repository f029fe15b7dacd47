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
pub fn classify_with(model: &Model<'_>, query: &QuerySubmitted) -> Decision {
    let features = features::extract(query);
    let probabilities = model.probabilities(&features);
    let mut ranked: Vec<(Route, f64)> = Route::ALL.into_iter().zip(probabilities).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let (route, confidence) = ranked.remove(0);
    let reasons = reasons(model, &features.weighted, route);
    let (second, second_confidence) = ranked[0];
    let mut decision = Decision { route, confidence, alternatives: ranked, reasoning: String::new() };
    decision.reasoning = if decision.unsure() {
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
    decision
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
fn reasons(model: &Model<'_>, features: &[Feature], route: Route) -> String {
    let class = Route::ALL.iter().position(|known| *known == route).unwrap_or(CLASSES - 1);
    let mut named: Vec<(f32, &str)> = features
        .iter()
        .filter_map(|feature| Some((model.support(feature, class), feature.name.as_deref()?)))
        .filter(|(support, name)| *support > 0.0 && tells_something(name))
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

/// Whether a reader learns something from a name in a reason: it is no absence, no "a" or "is", and short enough to quote.
fn tells_something(name: &str) -> bool {
    let letters = name.chars().count();
    letters <= 40 && !name.starts_with("no ") && (letters > 2 || !name.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::BUCKETS;

    /// A model that goes by no word: the biases are all it has.
    fn decision_by_biases(biases: &[(Route, f32)]) -> Decision {
        let bias = Route::ALL
            .map(|route| biases.iter().find(|(biased, _)| *biased == route).map_or(0.0, |(_, bias)| *bias));
        let query = QuerySubmitted { query_text: "hello".to_owned(), ..QuerySubmitted::default() };
        let model = Model::quantised(&vec![[0.0; CLASSES]; BUCKETS], bias, 1.0)
            .with_words(features::extract(&query).words);
        classify_with(&model, &query)
    }

    #[test]
    fn a_reason_quotes_words_that_tell_something() {
        let query = QuerySubmitted {
            query_text: "what is a list comprehension?".to_owned(),
            ..QuerySubmitted::default()
        };
        let reasoning = classify(&query).reasoning;
        assert!(reasoning.contains("“list”"), "{reasoning}");
        assert!(!reasoning.contains("“a”") && !reasoning.contains("“is”"), "{reasoning}");
    }

    #[test]
    fn an_unsure_reason_names_the_two_that_it_hesitates_between() {
        let close = decision_by_biases(&[(Route::Debug, 4.0), (Route::CodeReview, 3.9)]);
        assert!(close.unsure());
        assert_eq!(close.reasoning, "Unsure between the debugger (50 %) and the code reviewer (45 %).");

        let weak = decision_by_biases(&[(Route::Exercise, 1.0), (Route::Progress, 0.5)]);
        assert!(weak.unsure());
        assert_eq!(weak.reasoning, "Unsure between the exercise agent (29 %) and the progress agent (18 %).");
    }

    #[test]
    fn a_sure_reason_names_the_one() {
        let sure = decision_by_biases(&[(Route::Debug, 5.0), (Route::CodeReview, 3.0)]);
        assert!(!sure.unsure());
        assert_eq!(sure.reasoning, "This is for the debugger.");
    }
}
