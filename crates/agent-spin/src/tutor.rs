//! Who writes an answer: the model, somebody who asked the same before, or the authored tutor.

use learnflow_agent::{
    Answer, Fault, Question, Tutoring,
    llm::{
        ModelFault, cache_key,
        failure::{DEFERRALS, Next, Situation},
        prompt::SystemView,
    },
    write::{Assignment, Reader, Writing, write},
};
use learnflow_events::{
    Agent,
    payload::{AnsweredBy, ModelUse, ResponseType},
};
use serde_json::{Value, json};

use crate::{
    Environment, activity,
    model::{self, HttpModel, Payer},
    specialist::Turn,
};

/// An answer and what is known of how it came about.
pub struct Tutored {
    /// The answer.
    pub answer: Answer,
    /// Whether all of it has been shown.
    pub shown: bool,
    /// Tokens that the student has left today; known when a model was asked.
    pub remaining: Option<i64>,
    /// Seconds of run time that the student has left today; known for agents that run programs.
    pub run_seconds: Option<i64>,
}

/// A question on its way to an answer.
pub struct Work {
    /// Who answers.
    pub agent: Agent,
    /// The outside world.
    pub environment: Environment,
    /// The turn.
    pub turn: Turn,
    /// The question.
    pub question: Question,
    /// Whether a model may be asked, and how far help goes.
    pub tutoring: Tutoring,
}

/// How an agent has its authored answers written by a model; `None` for answers that stay as they are.
pub type WritingOf = fn(&Question, &Answer) -> Option<Writing>;

/// Decides who writes, and lets them.
///
/// # Errors
/// [`learnflow_agent::FaultKind::Retry`] when an event is put off because the provider is overloaded; otherwise only
/// faults of ours.
pub async fn tutor(
    work: &Work,
    mut authored: Answer,
    writing: WritingOf,
    reader: &mut impl Reader,
) -> Result<Tutored, Fault> {
    let Work { agent, environment, turn, question, tutoring } = work;
    let agent = *agent;
    if authored.hint_tier.is_none() && graded(&authored) {
        authored.hint_tier = Some(question.tier);
    }
    let as_it_is = |answer: Answer| Tutored { answer, shown: false, remaining: None, run_seconds: None };
    let Some(first) = writing_at_its_tier(question, &authored, writing) else {
        return Ok(as_it_is(authored));
    };
    // The programs of a model's answer would have to run.
    if !tutoring.consent || environment.runs.is_closed() {
        return Ok(as_it_is(authored));
    }
    let Some(settings) = model::settings().await? else { return Ok(as_it_is(authored)) };
    let view = SystemView {
        level: question.student.skill_level,
        style: question.student.learning_style,
        tier: question.tier,
    };
    let key = first.cache.as_deref().and_then(|text| {
        cache_key::of_question(agent.as_str(), text, view, &settings.model, first.prompts.system)
    });
    if let Some(key) = &key
        && let Some(cached) = environment.database.cached_response(agent, key).await?
        && let Some(answer) = from_cache(&authored, &cached)
    {
        return Ok(as_it_is(answer));
    }
    let payer = Payer {
        agent,
        student_id: turn.student_id.clone(),
        query_id: turn.query_id,
        event: turn.action.is_none(),
    };
    let hours = settings.cache_hours;
    let pause = settings.retry;
    let model = HttpModel::new(settings, environment, payer.clone());
    let sandbox = environment.sandbox().await?;
    // Only now: to find what is to be guarded takes a look at every exercise, at each tier.
    let writings = with_those_below(first, question, &authored, writing);
    let Some(assignment) = assignment(&writings, view) else { return Ok(as_it_is(authored)) };
    let written = write(&assignment, &model, &sandbox, reader).await?;
    for counter in &written.counters {
        environment.database.count(agent, counter).await?;
    }
    if let Some(fault) = &written.fault
        && let Some(put_off) = put_off(environment, turn, &payer, fault, pause).await?
    {
        return Err(put_off);
    }
    if let Some(key) = key
        && written.answer.model.is_some()
    {
        environment.database.cache_response(agent, &key, &to_cache(&written.answer), hours).await?;
    }
    Ok(Tutored {
        answer: written.answer,
        shown: written.shown,
        remaining: model.remaining(),
        run_seconds: None,
    })
}

/// How an answer is written, on no more than its tier may say.
fn writing_at_its_tier(question: &Question, answer: &Answer, writing: WritingOf) -> Option<Writing> {
    let tier = answer.hint_tier.unwrap_or(question.tier);
    writing(&Question { tier, ..question.clone() }, answer)
}

/// The writing of an answer, and those of the tiers below it.
fn with_those_below<'a>(
    first: Writing,
    question: &Question,
    authored: &'a Answer,
    writing: WritingOf,
) -> Vec<(Writing, &'a Answer)> {
    let answers = std::iter::successors(authored.below.as_deref(), |answer| answer.below.as_deref());
    let below = answers.map_while(|answer| Some((writing_at_its_tier(question, answer, writing)?, answer)));
    std::iter::once((first, authored)).chain(below).collect()
}

/// The assignment of the first writing, with those below it.
fn assignment<'a>(writings: &'a [(Writing, &Answer)], view: SystemView) -> Option<Assignment<'a>> {
    writings.iter().rev().fold(None, |below, (writing, authored)| {
        let view = SystemView { tier: authored.hint_tier.unwrap_or(view.tier), ..view };
        let below = below.map(Box::new);
        Some(Assignment { below, ..Assignment::of(writing, view, (*authored).clone()) })
    })
}

/// Answers that give help by degrees.
fn graded(answer: &Answer) -> bool {
    matches!(answer.response_type, ResponseType::Diagnosis | ResponseType::Review)
        || answer.evidence["hint"].is_number()
}

/// An event whose provider is overloaded is delivered again by the broker, some times; then the authored tutor answers.
async fn put_off(
    environment: &Environment,
    turn: &Turn,
    payer: &Payer,
    fault: &ModelFault,
    pause: std::time::Duration,
) -> Result<Option<Fault>, Fault> {
    let last = Situation {
        tries: learnflow_agent::llm::failure::TRIES,
        other_keys: false,
        event: payer.event,
        pause,
    };
    let Next::Defer(wait) = fault.next(last) else { return Ok(None) };
    let tries = environment.database.defer_event(payer.agent, &turn.cause).await?;
    if u32::try_from(tries).unwrap_or(u32::MAX) > DEFERRALS {
        return Ok(None);
    }
    activity::queued(environment, payer).await;
    let mut retry = Fault::retry(fault.context.clone());
    retry.sentence = "The language model is overloaded. Your question is queued.".to_owned();
    retry.retry_after_s = u32::try_from(wait.as_secs()).unwrap_or(30).max(1);
    Ok(Some(retry))
}

fn to_cache(answer: &Answer) -> Value {
    json!({
        "text": answer.text,
        "code_examples": answer.code_examples,
        "model": answer.model,
        "author": answer.answered_by,
    })
}

/// The cached text on the evidence of now.
fn from_cache(authored: &Answer, cached: &Value) -> Option<Answer> {
    let mut answer = authored.clone();
    answer.text = cached["text"].as_str()?.to_owned();
    answer.code_examples = serde_json::from_value(cached["code_examples"].clone()).ok()?;
    answer.answered_by = AnsweredBy::Cache;
    answer.model = serde_json::from_value::<ModelUse>(cached["model"].clone()).ok().map(|model| ModelUse {
        input_tokens: 0,
        output_tokens: 0,
        cost_micros: 0,
        ..model
    });
    Some(answer)
}
