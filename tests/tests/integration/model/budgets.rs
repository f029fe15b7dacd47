//! Budgets are reserved before they are used: nobody gets past them, and everybody sees what remains.

use anyhow::{Context, ensure};
use futures::future::try_join_all;
use learnflow_testkit::{Protocol, Reply};
use serde_json::json;

use super::{Tutor, common};

const TOPICS: [&str; 8] =
    ["tuple", "dictionary", "lambda", "list comprehension", "while loop", "decorator", "generator", "set"];

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_money_run_out() -> anyhow::Result<()> {
    // A request is some 1,000 tokens and its answer 2,000 at most: two fit at a time, and three do not.
    let budget = [("LLM_STUDENT_TOKENS_PER_DAY", "9000"), ("LLM_SITE_USD_PER_DAY", "0.2")];
    let tutor = Tutor::start(Protocol::Anthropic, "key", &budget).await?;
    tutor.provider.otherwise(|_| Reply::text("It is a value.").usage(900, 1_900));
    let calls = TOPICS.map(async |topic| tutor.call("ada", "concepts/explain", &common(topic)).await);
    let answers = try_join_all(calls).await?;
    let asked = tutor.provider.asked().len();
    ensure!((1..=3).contains(&asked), "{asked} calls fit into the budget");
    let refused: Vec<_> = answers.iter().filter(|(_, answer)| answer["answered_by"] == "authored").collect();
    ensure!(refused.len() == TOPICS.len() - asked, "{} of {} were refused", refused.len(), TOPICS.len());
    for (head, answer) in &answers {
        let remaining = head.headers.get("x-learnflow-tokens-remaining").context("no header")?.to_str()?;
        ensure!(remaining.parse::<i64>()? >= 0, "{remaining}");
        ensure!(
            answer["evidence"]["tokens_remaining"].as_i64().is_some_and(|left| left < 9_000),
            "{answer:#}"
        );
    }
    let text = refused[0].1["response_text"].as_str().unwrap_or_default();
    ensure!(text.contains("used up for today"), "{text}");
    let used = "SELECT tokens FROM usage_days WHERE scope LIKE 'student:%'";
    ensure!(tutor.system.count(used).await? <= 9_000, "the budget was overdrawn");

    // Others have budgets of their own, until the site's is spent.
    for number in 0.. {
        tutor.fresh().await?;
        tutor.provider.otherwise(|_| Reply::text("It is a value.").usage(900, 1_900));
        let student = format!("student-{number}");
        let (_, answer) = tutor.call(&student, "concepts/explain", &common("tuple")).await?;
        if answer["answered_by"] == "authored" {
            let text = answer["response_text"].as_str().unwrap_or_default();
            ensure!(text.contains("budget of today is used up"), "{text}");
            break;
        }
        ensure!(number < 20, "the site's budget does not end");
    }
    let spent = tutor.system.count("SELECT cost_micros FROM usage_days WHERE scope = 'site'").await?;
    ensure!((100_000..=200_000).contains(&spent), "{spent} millionths of a dollar");
    tutor.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn run_time_runs_out() -> anyhow::Result<()> {
    let tutor = Tutor::start(Protocol::Anthropic, "key", &[("RUN_STUDENT_SECONDS_PER_DAY", "4")]).await?;
    tutor.provider.otherwise(|_| Reply::error(400, "invalid_request_error"));
    // Half a second and more each: after some the reservation of two seconds does not fit any more.
    let busy = json!({"query_text": "review my code", "code": "n = 0\nwhile n < 6_000_000:\n    n += 1\nprint(n)\n"});
    let mut refused = None;
    for number in 0..40 {
        let (head, answer) = tutor.call("ada", "code-review/review", &busy).await?;
        let remaining =
            head.headers.get("x-learnflow-run-seconds-remaining").context("no header")?.to_str()?;
        ensure!(remaining.parse::<i64>()? <= 4, "{remaining}");
        if answer["response_type"] == "declined" {
            refused = Some((number, answer));
            break;
        }
    }
    let (number, answer) = refused.context("40 programs ran")?;
    ensure!(number > 0, "the first was refused");
    let text = answer["response_text"].as_str().unwrap_or_default();
    ensure!(text.contains("used up for today"), "{text}");
    ensure!(answer["evidence"]["spent"] == "run-time", "{answer:#}");
    // A program in the message is a program, by every door.
    let pasted = json!({"query_text": "why is this wrong?\n```python\nn = 0\nwhile n < 6_000_000:\n    n += 1\nprint(n)\n```"});
    let micros = "SELECT coalesce(sum(cpu_us), 0)::bigint FROM usage_ledger WHERE kind = 'run'";
    let before = tutor.system.count(micros).await?;
    let (_, answer) = tutor.call("ada", "debug/diagnose", &pasted).await?;
    ensure!(answer["response_type"] == "declined", "{answer:#}");
    ensure!(answer["evidence"]["spent"] == "run-time", "{answer:#}");
    ensure!(tutor.system.count(micros).await? == before, "it was run");
    let turn = tutor.ask("ada", &json!({"query_text": pasted["query_text"], "route": "debug"})).await?;
    ensure!(turn["response_type"] == "declined", "{turn:#}");
    let (_, last) = tutor.stream("ada", "code-review/review", &busy).await?.rest().await?;
    ensure!(last.data["response_type"] == "declined", "{:#}", last.data);
    // What needs no run is answered, and others run theirs.
    let (_, answer) = tutor.call("ada", "concepts/explain", &common("tuple")).await?;
    ensure!(answer["response_type"] == "explanation", "{answer:#}");
    let (_, answer) =
        tutor.call("ada", "exercise/generate", &json!({"query_text": "an exercise on loops"})).await?;
    ensure!(answer["response_type"] == "exercise", "{answer:#}");
    let (_, answer) = tutor.call("bob", "code-review/review", &busy).await?;
    ensure!(answer["response_type"] == "review", "{answer:#}");
    let open = tutor
        .system
        .count("SELECT count(*) FROM usage_ledger WHERE kind = 'run' AND state = 'reserved'")
        .await?;
    ensure!(open == 0, "{open} reservations were not settled");
    let metrics = format!("{}/code-review/metrics", tutor.system.running.functions_url);
    let metrics = tutor.system.http.get(metrics).send().await?.text().await?;
    let line =
        metrics.lines().find(|line| line.starts_with("agent_run_seconds_total")).context("not in metrics")?;
    let seconds: f64 = line.rsplit(' ').next().context("no value")?.parse()?;
    ensure!(seconds > 1.0, "{line}");
    tutor.stop().await
}
