//! Asking a language model, free of network, clock and storage.
//!
//! [`request`] says what is asked and what comes back; [`anthropic`] and [`openai`] are the two wire protocols, with
//! [`decode`] as a state machine over the bytes of a response; [`failure`] decides what follows from an error;
//! [`settings`] reads the configuration. The transport is in `learnflow-agent-spin`; [`Model`] is what cores see of it.

pub mod anthropic;
pub mod cache_key;
pub mod decode;
pub mod failure;
pub mod openai;
pub mod prompt;
pub mod request;
pub mod settings;
pub mod sse;
pub mod tokens;

pub use failure::{ModelFault, ModelFaultKind};
pub use request::{Completion, Message, ModelRequest, Role, Stop, Tool, Usage};
pub use settings::{Provider, Settings};

/// A language model, as the specialists see it. What is asked, for whom and within which budget is decided before a
/// reply exists; a reply that is dropped ends the request.
pub trait Model {
    /// An answer that is being written.
    type Reply: Reply;

    /// Who answers.
    fn settings(&self) -> &Settings;

    /// Asks, with all tries that make sense before the first piece of an answer.
    fn ask(&self, request: &ModelRequest) -> impl Future<Output = Result<Self::Reply, ModelFault>>;
}

/// An answer that is being written.
pub trait Reply {
    /// The next piece of text; `None` when the answer is complete.
    fn next(&mut self) -> impl Future<Output = Result<Option<String>, ModelFault>>;

    /// The whole answer, after [`Reply::next`] gave `None`.
    fn completion(self) -> Completion;
}

/// Asks for a whole answer, such as a form that is filled in.
///
/// # Errors
/// As [`Model::ask`] and [`Reply::next`].
pub async fn completed(model: &impl Model, request: &ModelRequest) -> Result<Completion, ModelFault> {
    let mut reply = model.ask(request).await?;
    while reply.next().await?.is_some() {}
    Ok(reply.completion())
}
