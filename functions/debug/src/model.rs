//! How a model may write a diagnosis: on what happened when the program ran.

use learnflow_agent::{
    Answer, Question,
    llm::{prompt::Prompts, tokens},
    write::{Facts, Writing, about_the_student, evidence, notes_for, printed_by_run},
};
use learnflow_events::payload::ResponseType;
use serde_json::{Value, json};

use crate::message;

/// The prompts.
pub const PROMPTS: Prompts =
    Prompts { system: include_str!("../prompts/system.md"), user: include_str!("../prompts/user.md") };

/// How a model writes this answer; questions back to the student stay as they are.
pub fn writing(question: &Question, authored: &Answer) -> Option<Writing> {
    if authored.response_type != ResponseType::Diagnosis {
        return None;
    }
    let query = &question.query;
    let given = query.code.clone().filter(|code| !code.trim().is_empty());
    let code = given.or_else(|| message::read(&query.query_text).code)?;
    let outcome = authored.evidence["outcome"].as_str().unwrap_or_default();
    let mut about = query.clone();
    about.code = Some(code.clone());
    Some(Writing {
        prompts: PROMPTS,
        values: json!({
            "student": about_the_student(question),
            "notes": notes_for(question, &authored.topics),
            "code": tokens::fit(&code, tokens::PROGRAM),
            "evidence": evidence(&authored.evidence),
            "authored": tokens::fit(&authored.text, tokens::EVIDENCE),
            "message": tokens::fit(&query.query_text, tokens::MESSAGE),
        }),
        facts: Facts {
            stated: vec![
                authored.evidence["stdout"].as_str().unwrap_or_default().to_owned(),
                authored.evidence.to_string(),
                authored.text.clone(),
                query.query_text.clone(),
                query.tests.clone().unwrap_or_default(),
                code.clone(),
            ],
            printed: Some([printed_by_run(&authored.evidence), in_tests(&authored.evidence)].concat()),
            failed: Some(!matches!(outcome, "ok" | "exited")),
            program: code,
        },
        guard: learnflow_exercise_bank::guard_of(&about),
        citation: String::new(),
        holds_back: true,
        cache: None,
    })
}

/// What the program printed or gave in the tests that failed.
fn in_tests(evidence: &Value) -> Vec<String> {
    let failures = evidence["tests"]["failures"].as_array().into_iter().flatten();
    let lines = failures.filter_map(|failure| failure["message"].as_str()).flat_map(str::lines);
    lines.filter_map(|line| line.trim().strip_prefix("got:")).map(|got| got.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use learnflow_agent::write::{Disagreement, disagreement};
    use learnflow_events::payload::QuerySubmitted;

    use super::*;

    #[test]
    fn only_what_was_printed_counts_as_printed() {
        let query = QuerySubmitted {
            query_text: "why does it not print 42?".to_owned(),
            code: Some("wanted = 42\nprint(7)\n".to_owned()),
            ..QuerySubmitted::default()
        };
        let mut authored = Answer::authored(ResponseType::Diagnosis, "Look at line 2.");
        authored.evidence = json!({
            "outcome": "ok", "error": null, "stdout": "7\n",
            "tests": {"failures": [{"name": "example 1", "message": "Line 1 of the output differs.\n  expected: 42\n  got:      8"}]},
        });
        let facts =
            writing(&Question { query, ..Question::default() }, &authored).expect("a diagnosis").facts;
        for text in ["It prints `7`.", "With the example it printed `8`."] {
            assert_eq!(disagreement(text, &facts), None, "{text}");
        }
        assert_eq!(disagreement("It prints `42`.", &facts), Some(Disagreement::Output("42".to_owned())));
    }
}
