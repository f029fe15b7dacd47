//! Socket.IO clients of npm's socket.io-client, which is what browsers use, driven in Node.js.

use std::{path::Path, time::Duration};

use learnflow_testkit::NodeProgram;
use serde_json::{Value, json};

use crate::harness::DEADLINE;

/// Node.js with Socket.IO clients in it.
pub struct Driver {
    program: NodeProgram,
    /// Reports that nobody has asked for yet.
    pending: Vec<Value>,
    next_ack: u64,
}

impl Driver {
    pub async fn start() -> Self {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/socketio");
        let program = NodeProgram::start(&sources, "gateway-socketio").await;
        Self { program, pending: Vec::new(), next_ack: 0 }
    }

    pub async fn send(&mut self, command: &Value) {
        self.program.send(command).await;
    }

    /// The next report that `wanted` accepts; others are kept for later.
    pub async fn report(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.report_within(what, DEADLINE, wanted).await
    }

    async fn report_within(
        &mut self,
        what: &str,
        deadline: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let found = async {
            loop {
                if let Some(place) = self.pending.iter().position(&wanted) {
                    return self.pending.remove(place);
                }
                self.pending.push(self.program.report().await);
            }
        };
        match tokio::time::timeout(deadline, found).await {
            Ok(report) => report,
            Err(_) => panic!("no {what}; there were {:#?}", self.pending),
        }
    }

    /// The data of the next `event` that `socket` receives.
    pub async fn event(&mut self, socket: &str, event: &str) -> Value {
        let what = format!("{event} at {socket}");
        self.report(&what, |report| report["socket"] == socket && report["event"] == event).await["data"]
            .clone()
    }

    /// As [`Self::event`], for what takes longer.
    #[allow(dead_code, reason = "the crowd needs it")]
    pub async fn event_within(&mut self, socket: &str, event: &str, deadline: Duration) -> Value {
        let what = format!("{event} at {socket}");
        let wanted = |report: &Value| report["socket"] == socket && report["event"] == event;
        self.report_within(&what, deadline, wanted).await["data"].clone()
    }

    /// What `socket` has received so far and nobody asked for, without connects and disconnects.
    pub fn unasked(&self, socket: &str) -> Vec<String> {
        let of_socket = self.pending.iter().filter(|report| report["socket"] == socket);
        of_socket
            .map(|report| report["event"].as_str().unwrap().to_owned())
            .filter(|event| !event.starts_with("connect") && event != "disconnect")
            .collect()
    }

    pub async fn connect_with(&mut self, socket: &str, url: &str, options: Value) {
        self.send(&json!({ "do": "connect", "socket": socket, "url": url, "options": options })).await;
    }

    pub async fn connect(&mut self, socket: &str, url: &str, token: &str) -> Value {
        self.connect_with(socket, url, json!({ "auth": { "token": token } })).await;
        self.event(socket, "connect").await
    }

    /// Emits an event and returns its acknowledgement.
    pub async fn emit(&mut self, socket: &str, event: &str, args: Value) -> Value {
        self.next_ack += 1;
        let id = self.next_ack;
        self.send(&json!({ "do": "emit", "socket": socket, "id": id, "event": event, "args": args })).await;
        self.report(&format!("acknowledgement of {event}"), |report| report["ack"] == id).await["data"]
            .clone()
    }
}
