//! What a model is asked and what it answers, whoever the provider is.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A request. The system prompt is ours alone; everything that students wrote is in a message of role user.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelRequest {
    /// What the model is and how it answers.
    pub system: String,
    /// The conversation, the user's first and last.
    pub messages: Vec<Message>,
    /// The form that the answer must have, when it is data instead of text. It is no capability: what a model puts in
    /// is validated, and nothing is ever executed on its word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<Tool>,
    /// The longest answer, in tokens.
    pub max_tokens: u32,
}

/// A part of the conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Who said it.
    pub role: Role,
    /// What.
    pub text: String,
}

impl Message {
    /// Something the user says.
    pub fn user(text: impl Into<String>) -> Self {
        Self { role: Role::User, text: text.into() }
    }

    /// Something the model said.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self { role: Role::Assistant, text: text.into() }
    }
}

/// Who said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The tutor's side: the student's question and the evidence.
    User,
    /// The model.
    Assistant,
}

/// The form of an answer that is data.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// JSON Schema of its input.
    pub schema: Value,
}

/// Tokens of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Read, cached ones included.
    pub input_tokens: u64,
    /// Written.
    pub output_tokens: u64,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
    }
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    /// The model was done.
    #[default]
    End,
    /// It reached the longest answer.
    Length,
    /// It filled in the tool.
    Tool,
    /// It declined.
    Refusal,
}

/// A complete answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Completion {
    /// The text.
    pub text: String,
    /// What it put into the tool that was offered; never of another one.
    pub tool_input: Option<Value>,
    /// What it took.
    pub usage: Usage,
    /// Why it ended.
    pub stop: Stop,
}
