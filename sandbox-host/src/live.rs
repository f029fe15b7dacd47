//! Runs that are streamed as server-sent events, and what is sent to them meanwhile.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::sse::{Event as SseEvent, KeepAlive, Sse},
};
use futures::{Stream, StreamExt, stream};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::{
    body::{Raw, json_body},
    fleet::{RunControl, RunEvent, RunHandle},
    problem::Problem,
    service::Service,
};

/// Longest text that may be typed into a running program at once, in bytes.
const LINE_BYTES: usize = 64 * 1024;

/// Streamed runs in progress by the id that their client was told. The id cannot be guessed, so who knows it may
/// type and interrupt.
#[derive(Clone, Default)]
pub(crate) struct LiveRuns(Arc<Mutex<HashMap<Uuid, RunControl>>>);

impl LiveRuns {
    fn add(&self, control: RunControl) -> Uuid {
        let id = Uuid::new_v4();
        self.0.lock().expect("no panic while locked").insert(id, control);
        id
    }

    fn remove(&self, id: Uuid) {
        self.0.lock().expect("no panic while locked").remove(&id);
    }

    fn get(&self, id: &str) -> Result<RunControl, Problem> {
        let id: Uuid = id.parse().map_err(|_| gone())?;
        self.0.lock().expect("no panic while locked").get(&id).cloned().ok_or_else(gone)
    }
}

/// Streams a run; when the client goes away, the run is stopped.
pub(crate) fn stream(
    service: Service,
    handle: RunHandle,
) -> Sse<impl Stream<Item = Result<SseEvent, Infallible>>> {
    let id = service.live().add(handle.control());
    let live = Live { service, id, handle };
    Sse::new(live.events()).keep_alive(KeepAlive::default())
}

struct Live {
    service: Service,
    id: Uuid,
    handle: RunHandle,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.service.live().remove(self.id);
    }
}

impl Live {
    fn events(self) -> impl Stream<Item = Result<SseEvent, Infallible>> {
        let started = SseEvent::default().event("run").data(json!({ "run_id": self.id }).to_string());
        let rest = stream::unfold(Some(self), |live| async {
            let mut live = live?;
            Some(match live.handle.events.recv().await? {
                RunEvent::Output(stream, text) => {
                    let data = json!({ "stream": stream, "text": text }).to_string();
                    (SseEvent::default().event("output").data(data), Some(live))
                }
                RunEvent::Ended(result) => match *result {
                    Ok(report) => {
                        live.service.metrics().ran(&report);
                        let data = serde_json::to_string(&report).expect("a report is always JSON");
                        (SseEvent::default().event("report").data(data), None)
                    }
                    Err(error) => {
                        let data = Problem::from(error).body().to_string();
                        (SseEvent::default().event("problem").data(data), None)
                    }
                },
            })
        });
        stream::once(async { started }).chain(rest).map(Ok)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    /// What was typed; a newline is added when it has none.
    #[serde(default)]
    text: String,
    /// No more will come.
    #[serde(default)]
    eof: bool,
}

/// `POST /runs/{id}/stdin`.
pub(crate) async fn stdin(
    State(service): State<Service>,
    Path(id): Path<String>,
    headers: HeaderMap,
    raw: Raw,
) -> Result<StatusCode, Problem> {
    let typed: Typed = json_body(&headers, raw)?;
    if typed.text.len() > LINE_BYTES {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("text has {} bytes; at most {LINE_BYTES} are accepted", typed.text.len()),
        ));
    }
    let control = service.live().get(&id)?;
    let mut there = true;
    if !typed.text.is_empty() || !typed.eof {
        let mut text = typed.text;
        if !text.ends_with('\n') {
            text.push('\n');
        }
        for line in text.split_inclusive('\n') {
            there = control.line(line.to_owned());
        }
    }
    if typed.eof {
        there = control.end_of_input();
    }
    if there { Ok(StatusCode::NO_CONTENT) } else { Err(gone()) }
}

/// `POST /runs/{id}/interrupt`.
pub(crate) async fn interrupt(
    State(service): State<Service>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    if service.live().get(&id)?.interrupt() { Ok(StatusCode::NO_CONTENT) } else { Err(gone()) }
}

fn gone() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such run; it may have ended")
}
