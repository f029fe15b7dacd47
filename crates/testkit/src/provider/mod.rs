//! A provider of a language model that says what a test tells it to.

mod reply;
mod wire;

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State as Extract,
    http::{HeaderMap, StatusCode, Uri, header},
    response::Response,
};
use serde_json::Value;
use tokio::{net::TcpListener, task::AbortHandle};

pub use reply::{Reply, Steps};
pub use wire::Protocol;

/// A server that speaks the Anthropic Messages API at `/v1/messages` and OpenAI's chat completions at
/// `/v1/chat/completions`, streamed and whole, with the errors, pauses and lies that a test scripts.
pub struct Provider {
    address: SocketAddr,
    state: Arc<State>,
    serving: AbortHandle,
}

/// A request that it got.
#[derive(Clone, Debug)]
pub struct Asked {
    /// By which protocol.
    pub protocol: Protocol,
    /// The key, whichever header carried it.
    pub key: String,
    /// The body.
    pub body: Value,
    /// When it was complete.
    pub at: Instant,
}

impl Asked {
    /// The system prompt.
    pub fn system(&self) -> &str {
        match self.protocol {
            Protocol::Anthropic => self.body["system"].as_str(),
            Protocol::OpenAi => self.body["messages"][0]["content"].as_str(),
        }
        .unwrap_or_default()
    }

    /// The last message of role user.
    pub fn message(&self) -> &str {
        let messages = self.body["messages"].as_array();
        let mut users = messages.into_iter().flatten().filter(|message| message["role"] == "user");
        users.next_back().and_then(|message| message["content"].as_str()).unwrap_or_default()
    }

    /// The name of the form that the answer must fill in.
    pub fn tool(&self) -> Option<&str> {
        let tool = &self.body["tools"][0];
        tool["name"].as_str().or(tool["function"]["name"].as_str())
    }
}

/// A piece that went out.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The text.
    pub text: String,
    /// When it was handed to the connection.
    pub at: Instant,
}

type Rule = Box<dyn Fn(&Asked) -> Reply + Send>;

#[derive(Default)]
struct State {
    script: Mutex<Script>,
    asked: Mutex<Vec<Asked>>,
    sent: Mutex<Vec<Sent>>,
    /// Answers whose reader left before their end.
    left: Mutex<usize>,
}

#[derive(Default)]
struct Script {
    next: VecDeque<Reply>,
    otherwise: Option<Rule>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Provider {
    /// Starts one on a free port of 127.0.0.1. Without a script it answers 500.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port on 127.0.0.1");
        let address = listener.local_addr().expect("a bound listener has an address");
        let state = Arc::new(State::default());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        let serving = tokio::spawn(async move {
            use axum::serve::ListenerExt;
            // Pieces are small; without this each waits for the acknowledgement of the one before.
            let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
            let _ = axum::serve(listener, router).await;
        })
        .abort_handle();
        Self { address, state, serving }
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The environment in which `learnflow up` asks this provider by `protocol` with these keys, separated by commas.
    pub fn environment(&self, protocol: Protocol, keys: &str) -> Vec<(String, String)> {
        let pair = |name: &str, value: String| (name.to_owned(), value);
        match protocol {
            Protocol::Anthropic => {
                vec![pair("ANTHROPIC_API_KEY", keys.to_owned()), pair("ANTHROPIC_BASE_URL", self.origin())]
            }
            Protocol::OpenAi => vec![
                pair("OPENAI_API_KEY", keys.to_owned()),
                pair("OPENAI_BASE_URL", format!("{}/v1", self.origin())),
            ],
        }
    }

    /// What the next request gets that no earlier call of this has spoken for.
    pub fn next(&self, reply: Reply) {
        lock(&self.state.script).next.push_back(reply);
    }

    /// What every request gets for which there is no [`Provider::next`].
    pub fn otherwise(&self, rule: impl Fn(&Asked) -> Reply + Send + 'static) {
        lock(&self.state.script).otherwise = Some(Box::new(rule));
    }

    /// Forgets the script, and what was asked and sent.
    pub fn reset(&self) {
        *lock(&self.state.script) = Script::default();
        lock(&self.state.asked).clear();
        lock(&self.state.sent).clear();
        *lock(&self.state.left) = 0;
    }

    /// What it was asked, in order.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.state.asked).clone()
    }

    /// What went out, in order.
    pub fn sent(&self) -> Vec<Sent> {
        lock(&self.state.sent).clone()
    }

    /// How many answers were not read to their end.
    pub fn left(&self) -> usize {
        *lock(&self.state.left)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(Extract(state): Extract<Arc<State>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let protocol = match uri.path() {
        "/v1/messages" => Protocol::Anthropic,
        "/v1/chat/completions" => Protocol::OpenAi,
        other => return plain(StatusCode::NOT_FOUND, &format!("no such endpoint: {other}")),
    };
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let key = match protocol {
        Protocol::Anthropic => header("x-api-key"),
        Protocol::OpenAi => header("authorization").trim_start_matches("Bearer "),
    };
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return plain(StatusCode::BAD_REQUEST, "the body is no JSON");
    };
    let asked = Asked { protocol, key: key.to_owned(), body, at: Instant::now() };
    let reply = {
        let mut script = lock(&state.script);
        let next = script.next.pop_front();
        next.or_else(|| script.otherwise.as_ref().map(|rule| rule(&asked)))
    };
    lock(&state.asked).push(asked);
    match reply {
        Some(reply) => reply.respond(protocol, state).await,
        None => plain(StatusCode::INTERNAL_SERVER_ERROR, "nothing was scripted"),
    }
}

fn plain(status: StatusCode, text: &str) -> Response {
    let mut response = Response::new(Body::from(text.to_owned()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain"));
    response
}
