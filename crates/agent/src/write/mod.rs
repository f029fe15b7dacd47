//! An answer written by a model on the evidence that the authored tutor has gathered.
//!
//! The authored answer exists first. The model is asked to say it better; what it says is shown when it agrees with the
//! evidence, when its programs do what it says they do, and when it does not solve the exercise. Otherwise the authored
//! answer stands, and whoever asks is told who wrote it.
//!
//! Streaming and guarding: an answer that is guarded or that must agree with a run is complete before the first letter
//! of it is shown ([`Assignment::holds_back`]). Others are shown as they come, programs excepted, which are run first;
//! where one of them cannot be finished, the authored answer begins anew ([`Reader::restart`]).

mod echo;
mod grounding;
mod known;
mod plain;
mod present;

use learnflow_events::{
    code::{Outcome, RunLimits, RunReport, RunRequest},
    payload::{AnsweredBy, HintTier, ModelUse},
};
use serde_json::{Value, json};

use crate::{
    Answer, Fault, Guard, Sandbox,
    guard::Verdict,
    llm::{
        Message, Model, ModelFault, ModelFaultKind, ModelRequest, Reply, Usage,
        prompt::{Prompts, Rendered, SystemView},
        tokens,
    },
    tutoring,
};

pub use grounding::{Disagreement, Facts, disagreement, printed_by_run};
pub use known::{about_the_student, evidence, notes_for};
pub use plain::plain;
pub use present::{Presenter, Step, looks_like_python};

/// Processor time of a program in an answer, in milliseconds.
const RUN_TIMEOUT_MS: u64 = 1_000;
/// Programs of one answer that are run.
const MOST_PROGRAMS: usize = 8;
/// Output that is shown behind a program.
const OUTPUT_BYTES: usize = 2_000;

/// How an agent has an authored answer written by a model. The agents' cores make it; it is data, and asks nobody.
#[derive(Clone, Debug)]
pub struct Writing {
    /// The agent's prompts.
    pub prompts: Prompts,
    /// What `user.md` is rendered from.
    pub values: Value,
    /// What the answer must agree with.
    pub facts: Facts,
    /// The exercise that it must not solve.
    pub guard: Option<Guard>,
    /// What is put behind the answer.
    pub citation: String,
    /// Whether all of it must agree with the evidence before any of it is shown.
    pub holds_back: bool,
    /// The question, when others who ask the same may get the same answer. Then nothing in `values` may belong to one
    /// student: what is not in the prompt cannot be in the answer.
    pub cache: Option<String>,
}

/// What the model is to write.
pub struct Assignment<'a> {
    /// The agent's prompts.
    pub prompts: Prompts,
    /// What the system prompt depends on.
    pub view: SystemView,
    /// What `user.md` is rendered from.
    pub values: Value,
    /// The answer that stands when the model's cannot be shown.
    pub authored: Answer,
    /// What the answer must agree with.
    pub facts: Facts,
    /// The exercise that it must not solve.
    pub guard: Option<&'a Guard>,
    /// What is put behind the answer (the card that it rests on).
    pub citation: String,
    /// Whether it must agree with the evidence before any of it is shown.
    pub holds_back: bool,
    /// The same at the tier below: what is asked for, and what stands, when this gives too much away.
    pub below: Option<Box<Assignment<'a>>>,
}

impl<'a> Assignment<'a> {
    /// The assignment of a [`Writing`], for a student and a tier.
    pub fn of(writing: &'a Writing, view: SystemView, authored: Answer) -> Self {
        Self {
            below: None,
            prompts: writing.prompts,
            view,
            values: writing.values.clone(),
            authored,
            facts: writing.facts.clone(),
            guard: writing.guard.as_ref(),
            citation: writing.citation.clone(),
            holds_back: writing.holds_back,
        }
    }

    /// One tier down from `tier`. Where nothing was prepared for that, the same is asked for more cautiously.
    fn lowered(&self, tier: HintTier) -> (&Self, HintTier) {
        match &self.below {
            Some(below) => (below, below.view.tier),
            None => (self, tutoring::lower(tier)),
        }
    }
}

/// Whoever reads along.
pub trait Reader {
    /// Shows a piece.
    fn show(&mut self, piece: &str);

    /// What was shown so far does not stand: the answer begins anew.
    fn restart(&mut self);

    /// Whether anybody still reads; an answer that nobody waits for is not paid for.
    fn present(&mut self) -> bool;
}

/// The reader of an answer that is shown as a whole.
pub struct Nobody;

impl Reader for Nobody {
    fn show(&mut self, _: &str) {}

    fn restart(&mut self) {}

    fn present(&mut self) -> bool {
        true
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Written {
    /// The answer.
    pub answer: Answer,
    /// Whether all of `answer`, as it stands, has been shown.
    pub shown: bool,
    /// What went wrong with the provider, when something did.
    pub fault: Option<ModelFault>,
    /// Events to count: `leaks_lowered`, `grounding_fallbacks`, `outputs_replaced`.
    pub counters: Vec<&'static str>,
}

/// Lets the model write.
///
/// # Errors
/// Only for faults of ours: a model that fails, and a sandbox that is away, leave the authored answer.
pub async fn write(
    assignment: &Assignment<'_>,
    model: &impl Model,
    sandbox: &impl Sandbox,
    reader: &mut impl Reader,
) -> Result<Written, Fault> {
    let (mut assignment, mut tier) = (assignment, assignment.view.tier);
    let mut counters = Vec::new();
    let mut usage = Usage::default();
    // As asked, and once more a tier lower when that would give the solution away.
    for attempt in 0..2 {
        let view = SystemView { tier, ..assignment.view };
        let rendered = assignment.prompts.render(view, &assignment.values)?;
        let mut draft = Draft::new(assignment.holds_back || assignment.guard.is_some());
        let outcome = draft.write(&rendered, &assignment.facts, model, sandbox, reader).await;
        usage += draft.usage;
        counters.append(&mut draft.counters);
        if let Err(failure) = outcome {
            if !draft.held && !draft.text.is_empty() && reader.present() {
                reader.restart();
            }
            let fault = match failure {
                Failure::Model(fault) => Some(fault),
                Failure::Grounding(reason) => {
                    counters.push("grounding_fallbacks");
                    eprintln!(
                        "{}",
                        json!({"level": "WARN", "context": format!("a model's answer was not shown: {reason}")})
                    );
                    None
                }
            };
            return Ok(authored(assignment, tier, fault, counters));
        }
        let leaks = match assignment.guard {
            None => false,
            Some(guard) => match guard.judge(&draft.everything(), sandbox).await {
                Ok(verdict) => verdict == Verdict::Leaks && tier != HintTier::Full,
                // What could not be tried is not shown.
                Err(_) => return Ok(authored(assignment, tier, None, counters)),
            },
        };
        if leaks {
            counters.push("leaks_lowered");
            (assignment, tier) = assignment.lowered(tier);
            if attempt == 0 && reader.present() {
                continue;
            }
            return Ok(authored(assignment, tier, None, counters));
        }
        let mut answer = Answer { below: None, ..assignment.authored.clone() };
        if !assignment.citation.is_empty() {
            let citation = format!("\n\n{}", assignment.citation);
            draft.text.truncate(draft.text.trim_end().len());
            draft.text.push_str(&citation);
            if !draft.held {
                reader.show(&citation);
            }
        }
        answer.text = draft.text;
        answer.code_examples = draft.programs;
        answer.answered_by = model.settings().provider.author();
        answer.hint_tier = assignment.authored.hint_tier.map(|_| tier);
        answer.model = Some(ModelUse {
            model: model.settings().model.clone(),
            prompt_hash: rendered.hash,
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cost_micros: model.settings().cost_micros(usage),
        });
        return Ok(Written { answer, shown: !draft.held, fault: None, counters });
    }
    Ok(authored(assignment, tier, None, counters))
}

/// The authored answer, no further than the tier that was reached.
fn authored(
    assignment: &Assignment<'_>,
    tier: HintTier,
    fault: Option<ModelFault>,
    counters: Vec<&'static str>,
) -> Written {
    let mut answer = Answer { below: None, ..assignment.authored.clone() };
    answer.hint_tier = answer.hint_tier.map(|authored| authored.min(tier));
    answer.answered_by = AnsweredBy::Authored;
    if let Some(fault) = &fault {
        let sentence = fault.kind.sentence();
        if !sentence.is_empty() {
            answer.text.push_str(&format!("\n\n{sentence}"));
        }
    }
    Written { answer, shown: false, fault, counters }
}

enum Failure {
    Model(ModelFault),
    Grounding(String),
}

/// An answer that is being written.
struct Draft {
    /// What is shown, with the outputs of programs.
    text: String,
    /// What the model wrote, as it wrote it.
    raw: String,
    programs: Vec<String>,
    /// What the programs printed.
    printed: Vec<String>,
    last: Option<RunReport>,
    sieve: plain::Sieve,
    /// Whether nothing is shown before all of it is judged.
    held: bool,
    usage: Usage,
    counters: Vec<&'static str>,
}

impl Draft {
    fn new(held: bool) -> Self {
        Self {
            text: String::new(),
            raw: String::new(),
            programs: Vec::new(),
            printed: Vec::new(),
            last: None,
            sieve: plain::Sieve::default(),
            held,
            usage: Usage::default(),
            counters: Vec::new(),
        }
    }

    /// What a student could take from it: the text as it would be shown, and as the model wrote it.
    fn everything(&self) -> String {
        if self.raw == self.text { self.text.clone() } else { format!("{}\n\n{}", self.raw, self.text) }
    }

    async fn write(
        &mut self,
        rendered: &Rendered,
        facts: &Facts,
        model: &impl Model,
        sandbox: &impl Sandbox,
        reader: &mut impl Reader,
    ) -> Result<(), Failure> {
        let mut request = ModelRequest {
            system: rendered.system.clone(),
            messages: vec![Message::user(rendered.user.clone())],
            tool: None,
            max_tokens: tokens::ANSWER,
        };
        let mut presenter = Presenter::default();
        let mut echo = echo::Echo::of(&rendered.system);
        let mut resumed = false;
        loop {
            match self.receive(&request, &mut presenter, &mut echo, model, sandbox, reader).await {
                Ok(true) => break,
                Ok(false) => return Err(Failure::Grounding("it repeats its instructions".to_owned())),
                // A stream that broke off in the middle goes on once where it stopped.
                Err(fault)
                    if fault.kind == ModelFaultKind::Cut && !resumed && !self.raw.trim().is_empty() =>
                {
                    resumed = true;
                    request.messages.truncate(1);
                    request.messages.push(Message::assistant(self.raw.trim_end()));
                    request.messages.push(Message::user(
                        "The connection broke there. Go on exactly where you stopped; repeat nothing.",
                    ));
                }
                Err(fault) => return Err(Failure::Model(fault)),
            }
        }
        self.follow(presenter.finish(), sandbox, reader).await;
        let held = self.sieve.finish();
        self.show(&held, reader);
        if self.text.trim().is_empty() {
            return Err(Failure::Grounding("it is empty".to_owned()));
        }
        let mut facts = facts.clone();
        facts.stated.extend(self.printed.iter().chain(&self.programs).cloned());
        if let Some(printed) = &mut facts.printed {
            printed.extend(self.printed.iter().cloned());
        }
        match disagreement(&self.text, &facts) {
            Some(disagreement) => Err(Failure::Grounding(disagreement.to_string())),
            None => Ok(()),
        }
    }

    async fn receive(
        &mut self,
        request: &ModelRequest,
        presenter: &mut Presenter,
        echo: &mut echo::Echo,
        model: &impl Model,
        sandbox: &impl Sandbox,
        reader: &mut impl Reader,
    ) -> Result<bool, ModelFault> {
        let mut reply = model.ask(request).await?;
        while let Some(piece) = reply.next().await? {
            if !reader.present() {
                return Err(ModelFault::new(
                    ModelFaultKind::Cancelled,
                    "nobody waits for the answer any more",
                ));
            }
            self.raw.push_str(&piece);
            if echo.heard(&self.raw) {
                return Ok(false);
            }
            let steps = presenter.push(&piece);
            self.follow(steps, sandbox, reader).await;
        }
        self.usage += reply.completion().usage;
        Ok(!echo.heard_at_last(&self.raw))
    }

    async fn follow(&mut self, steps: Vec<Step>, sandbox: &impl Sandbox, reader: &mut impl Reader) {
        for step in steps {
            if !matches!(step, Step::Show(_)) {
                let held = self.sieve.finish();
                self.show(&held, reader);
            }
            match step {
                Step::Show(text) => {
                    let text = self.sieve.push(&text);
                    self.show(&text, reader);
                }
                Step::Program(block, program) => {
                    self.last =
                        if self.programs.len() < MOST_PROGRAMS { run(&program, sandbox).await } else { None };
                    let block = match &self.last {
                        Some(report) => without_false_comments(&block, &report.stdout),
                        None => block,
                    };
                    self.programs.push(program);
                    self.show(&block, reader);
                }
                Step::Output(claimed) => {
                    let Some(report) = self.last.take() else {
                        // It could not be run, so nobody knows what it prints.
                        continue;
                    };
                    let real = printed(&report);
                    // An output of the model's has been introduced already.
                    let introduced = claimed.is_some();
                    if claimed.is_some_and(|claimed| claimed.trim() != real.trim()) {
                        self.counters.push("outputs_replaced");
                    }
                    if !fragment(&report) {
                        self.show(&output(&report, introduced), reader);
                    }
                    self.printed.push(real);
                }
            }
        }
    }

    fn show(&mut self, text: &str, reader: &mut impl Reader) {
        if text.is_empty() {
            return;
        }
        self.text.push_str(text);
        if !self.held {
            reader.show(text);
        }
    }
}

async fn run(program: &str, sandbox: &impl Sandbox) -> Option<RunReport> {
    let request = RunRequest {
        code: program.to_owned(),
        limits: RunLimits { timeout_ms: Some(RUN_TIMEOUT_MS), ..RunLimits::default() },
        ..RunRequest::default()
    };
    sandbox.run(&request).await.ok()
}

/// Whether a program is only a part of one: it cannot be read, it asks for input, or it lacks names.
fn fragment(report: &RunReport) -> bool {
    report.outcome == Outcome::SyntaxError
        || report.error.as_ref().is_some_and(|error| matches!(error.kind.as_str(), "NameError" | "EOFError"))
}

/// What a run printed, with the last line of its traceback.
fn printed(report: &RunReport) -> String {
    let mut text = report.stdout.trim_end().to_owned();
    if let Some(error) = &report.error {
        text.push_str(&format!("\n{}: {}", error.kind, error.message));
    }
    text
}

/// What is put behind a program.
fn output(report: &RunReport, introduced: bool) -> String {
    let text = cut(report.stdout.trim_end());
    // A fence that the output could not close.
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    let prints = match (text.is_empty(), introduced) {
        (true, false) => String::new(),
        (true, true) => "\n(It prints nothing.)\n".to_owned(),
        (false, true) => format!("\n{fence}text\n{text}\n{fence}\n"),
        (false, false) => format!("\nIt prints\n\n{fence}text\n{text}\n{fence}\n"),
    };
    match (&report.error, report.outcome) {
        (Some(error), _) => {
            let message = error.message.lines().next().unwrap_or_default().replace('`', "'");
            format!("{prints}\nIt ends with `{}: {message}`\n", error.kind)
        }
        (None, Outcome::Timeout) => format!("{prints}\nIt does not come to an end.\n"),
        (None, _) => prints,
    }
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(OUTPUT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    if end < text.len() { format!("{}\n…", &text[..end]) } else { text.to_owned() }
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

/// The block without comments that claim an output which was not printed (`print(x)  # 5`, `# Output: 5`).
fn without_false_comments(block: &str, stdout: &str) -> String {
    let printed: Vec<&str> = stdout.lines().map(str::trim).collect();
    let mut result = String::with_capacity(block.len());
    for line in block.split_inclusive('\n') {
        let Some((code, comment)) = line.split_once('#') else {
            result.push_str(line);
            continue;
        };
        let text = comment.trim();
        let lower = text.to_ascii_lowercase();
        let marks = ["output:", "prints:", "prints ", "->", "=>", "→", "⇒"];
        let marked =
            marks.iter().find(|mark| lower.starts_with(**mark)).map(|mark| text[mark.len()..].trim());
        // A bare value behind a print is a claim too.
        let bare = code.trim_start().starts_with("print(") && text.len() <= 40 && !text.contains(' ');
        let claim = marked.or(bare.then_some(text));
        let is_false = claim.is_some_and(|claim| {
            let claim = claim.trim_matches(['"', '\'', '`', '.']);
            !claim.is_empty() && !printed.iter().any(|line| line.contains(claim))
        });
        if is_false && !code.contains(['"', '\'']) {
            result.push_str(code.trim_end());
            result.push('\n');
        } else {
            result.push_str(line);
        }
    }
    result
}

#[cfg(test)]
mod tests;
