//! Claims that are not true reach nobody: what a model says about a program is held to what happened when it ran.

use anyhow::ensure;
use learnflow_testkit::{Protocol, Reply};
use serde_json::json;

use super::Tutor;

/// It prints 6. In its text are 42 and 7 too, and the question has 99.
const PROGRAM: &str = "limit = 42\nparts = [1, 2, 3]\nprint(sum(parts))  # not 7\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_happen_is_not_told() -> anyhow::Result<()> {
    let tutor = Tutor::start(Protocol::Anthropic, "key", &[]).await?;
    for (agent, trigger) in [("debug", "debug/diagnose"), ("code-review", "code-review/review")] {
        let query = json!({"query_text": "why does it not print 99?", "code": PROGRAM});
        for (claim, is_true) in [
            ("Your program prints `6`. What is added up on line 3?", true),
            ("Line 2 holds the numbers that are added.", true),
            // In the program, in a comment of it, in the question: nowhere in the output.
            ("Your program prints `42`. Look at line 1.", false),
            ("Your program prints `7`.", false),
            ("At the end it prints `99`.", false),
            ("Look at line 12: something is wrong there.", false),
            ("On line 2, `parts = [4, 5]` is too short.", false),
            ("Your program stops with an IndexError.", false),
            ("The program crashes.", false),
        ] {
            tutor.fresh().await?;
            let refused = tutor.counter(agent, "grounding_fallbacks").await?;
            tutor.provider.otherwise(move |_| Reply::text(claim));
            let (_, answer) = tutor.call("ada", trigger, &query).await?;
            let text = answer["response_text"].as_str().unwrap_or_default();
            let by_model = answer["answered_by"] == "anthropic";
            ensure!(by_model == is_true && text.contains(claim) == is_true, "{agent}: {claim}\n{answer:#}");
            let counted = tutor.counter(agent, "grounding_fallbacks").await? - refused;
            ensure!(counted == i64::from(!is_true), "{agent}: {claim} was counted {counted} times");
            // Streamed, nothing of a false claim is shown in between.
            if !is_true {
                let mut events = tutor.stream("ada", trigger, &query).await?;
                let (text, _) = events.rest().await?;
                ensure!(!text.contains(claim) && events.given_up.is_empty(), "{agent}: {claim} was shown");
            }
        }
    }
    tutor.stop().await
}
