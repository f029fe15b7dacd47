//! The polite refusal.

use learnflow_agent::Answer;
use learnflow_events::payload::{QuerySubmitted, ResponseType};
use serde_json::json;

use crate::Decision;

/// Answers a message that is not about learning Python: says so, and what to ask instead.
pub fn decline(query: &QuerySubmitted, decision: &Decision) -> Answer {
    let mut text = "I can only help with learning Python, so I have to leave this one. \
        You could ask me to:\n\n\
        - explain an idea (“what is a dictionary?”)\n\
        - find out why a program fails (send the code with it)\n\
        - review a program that works\n\
        - give you an exercise, or say how you are doing\n\
        - run a program"
        .to_owned();
    if decision.confidence < 0.8 {
        text.push_str("\n\nIf it was about Python after all, please say it in other words, or choose an agent yourself.");
    }
    let mut answer = Answer::authored(ResponseType::Declined, text);
    answer.confidence = decision.confidence;
    answer.reasoning.clone_from(&decision.reasoning);
    answer.evidence = json!({
        "alternatives": decision.alternatives.iter().take(2).map(|(route, p)| json!({"agent": route, "probability": p})).collect::<Vec<_>>(),
        "code": query.code.is_some(),
    });
    answer
}
