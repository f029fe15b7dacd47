use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    http::StatusCode,
    response::Response,
};
use futures::stream;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::{
    Sent, State, lock,
    wire::{Frame, Protocol},
};

/// What one request gets.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Answer(Answer),
    /// A body as it stands.
    Raw(String, Vec<u8>),
    /// The request is taken and never answered.
    Silence,
}

#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) pieces: Vec<String>,
    pub(super) tool: Option<(String, Value)>,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pace: Pace,
    end: End,
}

#[derive(Clone, Debug)]
enum Pace {
    AtOnce,
    Every(Duration),
    Steps(Arc<Semaphore>),
}

#[derive(Clone, Debug)]
enum End {
    Complete,
    /// The connection breaks.
    Cut,
    /// Nothing more comes, and the connection stays.
    Stall,
    /// An error is reported in the stream.
    Error(String),
}

/// Lets the pieces of a [`Reply::stepwise`] out.
#[derive(Clone, Debug)]
pub struct Steps(Arc<Semaphore>);

impl Steps {
    /// Lets `pieces` more out.
    pub fn release(&self, pieces: usize) {
        self.0.add_permits(pieces);
    }
}

impl Reply {
    fn answer(pieces: Vec<String>) -> Self {
        let output_tokens = pieces.iter().map(|piece| piece.len() as u64).sum::<u64>().div_ceil(4);
        Self {
            status: 200,
            headers: Vec::new(),
            content: Content::Answer(Answer {
                pieces,
                tool: None,
                input_tokens: 1_000,
                output_tokens,
                pace: Pace::AtOnce,
                end: End::Complete,
            }),
        }
    }

    /// A text, streamed word by word.
    pub fn text(text: &str) -> Self {
        Self::answer(text.split_inclusive(' ').map(str::to_owned).collect())
    }

    /// A text in these pieces.
    pub fn pieces<T: Into<String>>(pieces: impl IntoIterator<Item = T>) -> Self {
        Self::answer(pieces.into_iter().map(Into::into).collect())
    }

    /// A text in these pieces, each when the test lets it out.
    pub fn stepwise<T: Into<String>>(pieces: impl IntoIterator<Item = T>) -> (Self, Steps) {
        let steps = Arc::new(Semaphore::new(0));
        let mut reply = Self::pieces(pieces);
        if let Content::Answer(answer) = &mut reply.content {
            answer.pace = Pace::Steps(Arc::clone(&steps));
        }
        (reply, Steps(steps))
    }

    /// A form that is filled in.
    pub fn tool(name: &str, input: Value) -> Self {
        let mut reply = Self::answer(Vec::new());
        if let Content::Answer(answer) = &mut reply.content {
            answer.output_tokens = (input.to_string().len() as u64).div_ceil(4);
            answer.tool = Some((name.to_owned(), input));
        }
        reply
    }

    /// An error, as the providers report it.
    pub fn error(status: u16, kind: &str) -> Self {
        let body = serde_json::json!({"type": "error", "error": {"type": kind, "message": "scripted"}});
        Self { status, ..Self::raw("application/json", body.to_string()) }
    }

    /// A body as it stands.
    pub fn raw(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let content = Content::Raw(content_type.to_owned(), body.into());
        Self { status: 200, headers: Vec::new(), content }
    }

    /// The request is taken and never answered.
    pub fn silence() -> Self {
        Self { status: 200, headers: Vec::new(), content: Content::Silence }
    }

    /// With a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a pause before each piece.
    pub fn every(mut self, pause: Duration) -> Self {
        self.change(|answer| answer.pace = Pace::Every(pause));
        self
    }

    /// The connection breaks behind the last piece.
    pub fn cut(mut self) -> Self {
        self.change(|answer| answer.end = End::Cut);
        self
    }

    /// Nothing comes behind the last piece, and the connection stays.
    pub fn stalled(mut self) -> Self {
        self.change(|answer| answer.end = End::Stall);
        self
    }

    /// The stream reports an error behind the last piece.
    pub fn failing(mut self, kind: &str) -> Self {
        self.change(|answer| answer.end = End::Error(kind.to_owned()));
        self
    }

    /// The tokens that it says it took.
    pub fn usage(mut self, input_tokens: u64, output_tokens: u64) -> Self {
        self.change(|answer| (answer.input_tokens, answer.output_tokens) = (input_tokens, output_tokens));
        self
    }

    fn change(&mut self, change: impl FnOnce(&mut Answer)) {
        if let Content::Answer(answer) = &mut self.content {
            change(answer);
        }
    }

    pub(super) async fn respond(self, protocol: Protocol, state: Arc<State>) -> Response {
        let (content_type, body) = match self.content {
            Content::Silence => {
                let _left = Left { state, finished: false };
                std::future::pending().await
            }
            Content::Raw(content_type, body) => (content_type, Body::from(body)),
            Content::Answer(answer) => ("text/event-stream".to_owned(), streamed(protocol, answer, state)),
        };
        let mut response = Response::builder()
            .status(StatusCode::from_u16(self.status).expect("a status"))
            .header("content-type", content_type);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.body(body).expect("the headers of a script are valid")
    }
}

/// Counts readers who leave before the end.
struct Left {
    state: Arc<State>,
    finished: bool,
}

impl Drop for Left {
    fn drop(&mut self) {
        if !self.finished {
            *lock(&self.state.left) += 1;
        }
    }
}

fn streamed(protocol: Protocol, answer: Answer, state: Arc<State>) -> Body {
    let frames = protocol.frames(&answer);
    let left = Left { state, finished: false };
    let start = (frames.into_iter(), answer.pace, answer.end, left);
    Body::from_stream(stream::unfold(start, move |(mut frames, pace, end, mut left)| async move {
        match frames.next() {
            Some(Frame::Piece(bytes, text)) => {
                match &pace {
                    Pace::AtOnce => {}
                    Pace::Every(pause) => tokio::time::sleep(*pause).await,
                    Pace::Steps(steps) => steps.acquire().await.expect("never closed").forget(),
                }
                lock(&left.state.sent).push(Sent { text, at: Instant::now() });
                Some((Ok(bytes), (frames, pace, end, left)))
            }
            Some(Frame::Other(bytes)) => Some((Ok(bytes), (frames, pace, end, left))),
            // What comes behind the last piece.
            Some(Frame::End(bytes)) => match &end {
                End::Complete => {
                    left.finished = true;
                    Some((Ok(bytes), (frames, pace, end, left)))
                }
                End::Cut => {
                    left.finished = true;
                    // The pieces leave first: a connection that breaks takes with it what was not flushed.
                    tokio::task::yield_now().await;
                    let broken = io::Error::other("the script cuts the stream");
                    Some((Err(broken), (Vec::new().into_iter(), pace, End::Complete, left)))
                }
                End::Stall => std::future::pending().await,
                End::Error(kind) => {
                    left.finished = true;
                    let bytes = protocol.error(kind);
                    Some((Ok::<Bytes, io::Error>(bytes), (Vec::new().into_iter(), pace, end, left)))
                }
            },
            None => None,
        }
    }))
}
