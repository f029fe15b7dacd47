//! `learnflow ask`: one message through the running system, the whole event path.

use std::{
    fs,
    io::{Write, stdout},
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::Args;
use futures::StreamExt;
use serde_json::{Value, json};
use uuid::Uuid;

use learnflow_events::ids;
use learnflow_gateway::token::{self, Role};

use crate::installation::{DataDirectory, Running};

/// How long the command's own access token is good.
const TOKEN_LIFETIME: Duration = Duration::from_secs(600);
/// The longest an answer is waited for; the broker's retries end before.
const DEADLINE: Duration = Duration::from_secs(120);

/// What to ask.
#[derive(Args)]
pub struct Arguments {
    /// The message
    message: String,
    /// The program it is about
    #[arg(long)]
    code: Option<PathBuf>,
    /// A unittest file for the program
    #[arg(long)]
    tests: Option<PathBuf>,
    /// The exercise it is about
    #[arg(long)]
    exercise: Option<String>,
    /// How much help is asked for: nudge, pointer, explanation, worked-part or full
    #[arg(long)]
    tier: Option<String>,
    /// Who asks
    #[arg(long, default_value = "me")]
    student: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataDirectory,
}

/// Sends the message, prints who answers, then the answer.
pub async fn ask(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let running = arguments.data.running()?;
    let token = student_token(&running, &arguments.student)?;
    let read = |file: &Option<PathBuf>| {
        file.as_ref()
            .map(|file| fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display())))
            .transpose()
    };
    let mut query = json!({"query_text": arguments.message});
    let optional = [
        ("code", read(&arguments.code)?),
        ("tests", read(&arguments.tests)?),
        ("exercise_id", arguments.exercise.clone()),
        ("hint_tier", arguments.tier.clone()),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            query[name] = value.into();
        }
    }

    let started = Instant::now();
    let http = reqwest::Client::builder().build()?;
    let gateway = &running.gateway_url;
    let response = http
        .post(format!("{gateway}/api/triage/analyze"))
        .bearer_auth(&token)
        .header("idempotency-key", Uuid::new_v4().to_string())
        .json(&query)
        .send()
        .await
        .with_context(|| format!("the gateway at {gateway} does not answer; is `up` running?"))?;
    let status = response.status();
    let decision: Value = response.json().await.context("the gateway's answer is not JSON")?;
    if !status.is_success() {
        bail!("{status}: {}", decision["detail"].as_str().unwrap_or("no detail"));
    }
    let turn_id = decision["query_id"].as_str().context("the gateway named no turn")?.to_owned();
    if !arguments.json {
        writeln!(
            stdout(),
            "→ {} ({:.0} %): {}\n",
            text(&decision, "target_agent"),
            number(&decision, "confidence") * 100.0,
            text(&decision, "reasoning")
        )?;
    }

    let url = format!("{gateway}/api/turns/{turn_id}/events");
    let answer = tokio::time::timeout(DEADLINE, follow(&http, &url, &token, !arguments.json))
        .await
        .with_context(|| {
            format!(
                "no answer to turn {turn_id} within {} s; it is kept, see /api/turns/{turn_id}",
                DEADLINE.as_secs()
            )
        })??;
    let latency_ms = started.elapsed().as_secs_f64() * 1000.0;
    if arguments.json {
        let object = json!({
            "turn_id": turn_id,
            "agent": answer["agent_name"],
            "confidence": answer["confidence"],
            "reasoning": answer["reasoning"],
            "answered_by": answer["answered_by"],
            "model": answer["model"]["model"],
            "input_tokens": answer["model"]["input_tokens"],
            "output_tokens": answer["model"]["output_tokens"],
            "cost_micros": answer["model"]["cost_micros"],
            "hint_tier": answer["hint_tier"],
            "text": answer["response_text"],
            "evidence": answer["evidence"],
            "latency_ms": (latency_ms * 10.0).round() / 10.0,
        });
        writeln!(stdout(), "{object}")?;
    } else {
        writeln!(
            stdout(),
            "\n— {} · {} · {latency_ms:.0} ms",
            text(&answer, "agent_name"),
            text(&answer, "answered_by")
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// An access token for a student who is known by name, signed with the key that this machine keeps.
fn student_token(running: &Running, name: &str) -> anyhow::Result<String> {
    let subject = ids::student_of_name(name).to_string();
    Ok(token::mint(&running.signing_key_file, &subject, name, Role::Student, TOKEN_LIFETIME)?)
}

/// Follows a turn's server-sent events until its answer, printing pieces as they come.
async fn follow(http: &reqwest::Client, url: &str, token: &str, print: bool) -> anyhow::Result<Value> {
    let response = http.get(url).bearer_auth(token).header("accept", "text/event-stream").send().await?;
    let status = response.status();
    if !status.is_success() {
        bail!("{status}: {}", response.text().await.unwrap_or_default());
    }
    let mut body = response.bytes_stream();
    let mut buffer = Vec::new();
    let mut printed = Printed::default();
    while let Some(chunk) = body.next().await {
        buffer.extend_from_slice(&chunk?);
        while let Some(end) = buffer.windows(2).position(|window| window == b"\n\n") {
            let block: Vec<u8> = buffer.drain(..end + 2).collect();
            let (event, data) = parse(&String::from_utf8_lossy(&block));
            match event.as_str() {
                "delta" => {
                    let piece = printed.piece(data["index"].as_u64(), text(&data, "text"));
                    if print {
                        write!(stdout(), "{piece}")?;
                        stdout().flush()?;
                    }
                }
                "answered" => {
                    if print {
                        writeln!(stdout(), "{}", printed.rest(text(&data, "response_text")))?;
                    }
                    return Ok(data);
                }
                "failed" => bail!("{}", text(&data, "message")),
                _ => {}
            }
        }
    }
    bail!("the gateway closed the stream before the answer")
}

/// What stands between a text that was given up and the answer.
const ANEW: &str = "\n\n[That was cut off. The answer:]\n\n";

/// What has been printed of an answer, which a terminal cannot take back.
#[derive(Default)]
struct Printed(String);

impl Printed {
    /// What to print of a piece. A piece at position 0 begins the answer anew.
    fn piece(&mut self, index: Option<u64>, text: &str) -> String {
        let anew = index == Some(0) && !self.0.is_empty();
        if anew {
            self.0.clear();
        }
        self.0.push_str(text);
        if anew { format!("{ANEW}{text}") } else { text.to_owned() }
    }

    /// What to print at the end: what is missing of the whole answer, or all of it where the pieces were another one.
    fn rest(&self, whole: &str) -> String {
        match whole.strip_prefix(self.0.as_str()) {
            Some(rest) => rest.to_owned(),
            None => format!("{ANEW}{whole}"),
        }
    }
}

/// One server-sent event: its name and its data as JSON (HTML Living Standard, 9.2.6).
fn parse(block: &str) -> (String, Value) {
    let mut event = "message".to_owned();
    let mut data = String::new();
    for line in block.lines() {
        if let Some(value) = line.strip_prefix("event:") {
            event = value.trim_start().to_owned();
        } else if let Some(value) = line.strip_prefix("data:") {
            if !data.is_empty() {
                data.push('\n');
            }
            data.push_str(value.strip_prefix(' ').unwrap_or(value));
        }
    }
    (event, serde_json::from_str(&data).unwrap_or(Value::Null))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn number(value: &Value, name: &str) -> f64 {
    value[name].as_f64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_sent_events_are_read() {
        let (event, data) = parse("event: delta\ndata: {\"text\":\ndata: \"a\"}\n\n");
        assert_eq!((event.as_str(), text(&data, "text")), ("delta", "a"));
        assert_eq!(parse(": comment\n\n").0, "message");
    }

    #[test]
    fn an_answer_that_begins_anew_is_told_apart_from_what_was_cut_off() {
        let mut printed = Printed::default();
        assert_eq!(printed.piece(Some(0), "A tuple "), "A tuple ");
        assert_eq!(printed.piece(Some(1), "is"), "is");
        assert_eq!(printed.rest("A tuple is a sequence."), " a sequence.");
        assert_eq!(printed.piece(Some(0), "### Tuples\n"), format!("{ANEW}### Tuples\n"));
        assert_eq!(printed.piece(Some(1), "They stay."), "They stay.");
        assert_eq!(printed.rest("### Tuples\nThey stay.\n"), "\n");
        assert_eq!(printed.rest("Another one."), format!("{ANEW}Another one."));
        assert_eq!(Printed::default().rest("All at once."), "All at once.");
    }
}
