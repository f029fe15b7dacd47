//! What is told while an answer is made: pieces of it, and what an agent is doing. Best effort, and never the record.

use bytes::Bytes;
use chrono::Utc;
use futures::{
    StreamExt,
    channel::{mpsc, oneshot},
};
use http_body_util::Full;
use learnflow_agent::write::Reader;
use learnflow_events::{
    Agent, Event, EventType, Outgoing, ids, message,
    payload::{AgentLogged, ResponseDelta},
};
use spin_sdk::wasip3;
use uuid::Uuid;

use crate::{Environment, model::Payer, outbound, specialist::Turn};

/// Tells the operator (`ERROR`) that something needs a hand.
pub async fn alert(environment: &Environment, payer: &Payer, text: &str) {
    log(environment, payer, "ERROR", "error", text).await;
}

/// Tells the student that the turn waits for the provider.
pub async fn queued(environment: &Environment, payer: &Payer) {
    const TEXT: &str =
        "The language model is overloaded at the moment. Your question is queued, and the answer follows.";
    log(environment, payer, "WARN", "queued", TEXT).await;
}

async fn log(environment: &Environment, payer: &Payer, level: &str, status: &str, text: &str) {
    let Ok(url) = spin_sdk::variables::get("agent_logs_url").await else { return };
    let event = Outgoing {
        id: Uuid::now_v7(),
        source: payer.agent.source(),
        subject: Some(payer.query_id.to_string()),
        time: Utc::now(),
        student_id: payer.student_id.clone(),
        traceparent: environment.traceparent.clone(),
        extensions: Vec::new(),
    }
    .event(AgentLogged {
        agent_name: payer.agent,
        log_level: level.to_owned(),
        message: text.to_owned(),
        status: status.to_owned(),
        query_id: Some(payer.query_id),
    });
    post(&url, &event).await;
}

async fn post(url: &str, event: &Event) {
    let (headers, body) = message::to_http(event);
    let mut request = http::Request::post(url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    if let Ok(request) = request.body(Full::new(Bytes::from(body))) {
        // Nobody depends on it: the answer itself is on its way.
        let _ = outbound::send(request).await;
    }
}

/// The live channel of a turn that came as an event: pieces go to the topic of deltas. A piece at position 0 begins the
/// answer, and begins it anew when there were others before.
pub struct LiveChannel {
    pieces: Option<mpsc::UnboundedSender<Piece>>,
    done: Option<oneshot::Receiver<()>>,
    /// Whether what was told once did not stand.
    pub restarted: bool,
}

enum Piece {
    Text(String),
    Restart,
}

impl LiveChannel {
    /// Opens the channel; without a topic nothing is told.
    pub async fn open(agent: Agent, turn: &Turn, traceparent: Option<String>) -> Self {
        let Ok(url) = spin_sdk::variables::get("response_deltas_url").await else {
            return Self { pieces: None, done: None, restarted: false };
        };
        let (sender, mut receiver) = mpsc::unbounded::<Piece>();
        let (ended, done) = oneshot::channel();
        let turn = turn.clone();
        wasip3::spawn(async move {
            let (mut index, mut number) = (0, 0_u32);
            let mut next = receiver.next().await;
            while let Some(piece) = next.take() {
                match piece {
                    Piece::Restart => index = 0,
                    Piece::Text(mut text) => {
                        // While a piece is on its way others gather, and go together.
                        while let Ok(more) = receiver.try_recv() {
                            match more {
                                Piece::Text(more) => text.push_str(&more),
                                restart @ Piece::Restart => {
                                    next = Some(restart);
                                    break;
                                }
                            }
                        }
                        let event = delta(agent, &turn, (index, number), text, traceparent.clone());
                        post(&url, &event).await;
                        (index, number) = (index + 1, number + 1);
                    }
                }
                if next.is_none() {
                    next = receiver.next().await;
                }
            }
            let _ = ended.send(());
        });
        Self { pieces: Some(sender), done: Some(done), restarted: false }
    }

    /// Waits until all pieces are out, so that none comes after the answer.
    pub async fn close(mut self) {
        self.pieces = None;
        if let Some(done) = self.done.take() {
            let _ = crate::model::within(std::time::Duration::from_millis(500), done).await;
        }
    }
}

impl Reader for LiveChannel {
    fn show(&mut self, piece: &str) {
        if let Some(pieces) = &self.pieces {
            // The task ends with the instance only.
            let _ = pieces.unbounded_send(Piece::Text(piece.to_owned()));
        }
    }

    fn restart(&mut self) {
        self.restarted = true;
        if let Some(pieces) = &self.pieces {
            let _ = pieces.unbounded_send(Piece::Restart);
        }
    }

    fn present(&mut self) -> bool {
        // Who is away reads the answer later.
        true
    }
}

/// A piece at a position of the answer; its number among all pieces makes it an event of its own.
fn delta(
    agent: Agent,
    turn: &Turn,
    (index, number): (u32, u32),
    text: String,
    traceparent: Option<String>,
) -> Event {
    Outgoing {
        id: ids::caused_event(&format!("{}/{number}", turn.cause), EventType::ResponseDelta),
        source: agent.source(),
        subject: Some(turn.query_id.to_string()),
        time: Utc::now(),
        student_id: turn.student_id.clone(),
        traceparent,
        extensions: Vec::new(),
    }
    .event(ResponseDelta { query_id: turn.query_id, agent_name: agent.to_string(), index, text })
}
