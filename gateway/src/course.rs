//! What a class says about help: how far it goes, and notes for the agents to go by.

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use learnflow_exercise_bank::bank;
use learnflow_learner::curriculum;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::FromRow;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::{App, Shared},
    audit::Action,
    identity::{Address, Teacher},
    problem::{Body, Path, Problem},
    schema,
};

const TITLE_CHARS: std::ops::RangeInclusive<usize> = 1..=200;
const TEXT_CHARS: std::ops::RangeInclusive<usize> = 1..=8_000;
const TOPICS: usize = 20;
/// Most notes of a class; the agents read the newest twenty.
const MOST_NOTES: i64 = 100;
/// Most exercises with a tier of their own.
const MOST_POLICIES: usize = 500;

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(policy, set_policy))
        .routes(routes!(notes, create_note))
        .routes(routes!(replace_note, delete_note))
}

/// How much help an answer may give, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Tier {
    Nudge,
    Pointer,
    Explanation,
    WorkedPart,
    Full,
}

impl Tier {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Nudge, "nudge"),
        (Self::Pointer, "pointer"),
        (Self::Explanation, "explanation"),
        (Self::WorkedPart, "worked-part"),
        (Self::Full, "full"),
    ];

    fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(tier, _)| *tier == self).map_or("explanation", |(_, name)| name)
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(tier, _)| *tier)
    }
}

/// How far help may go in a class.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Policy {
    /// In general.
    #[schema(value_type = schema::HintTier)]
    default: Tier,
    /// With single exercises, by id.
    #[schema(value_type = BTreeMap<String, schema::HintTier>)]
    exercises: BTreeMap<String, Tier>,
}

/// How far help may go in a class.
#[utoipa::path(get, path = "/api/instructor/classes/{id}/policy", tag = "teacher", security(("bearer" = [])),
    params(("id" = Uuid, Path)), responses((status = 200, description = "As asked", body = Policy), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account")))]
async fn policy(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    Path(class_id): Path<Uuid>,
) -> Result<Json<Policy>, Problem> {
    app.taught(&identity, class_id).await?;
    Ok(Json(app.policy(class_id).await?))
}

/// Sets how far help may go; the agents go by it from the next message on.
#[utoipa::path(put, path = "/api/instructor/classes/{id}/policy", tag = "teacher", security(("bearer" = [])),
    params(("id" = Uuid, Path)), request_body = Policy,
    responses((status = 200, description = "As asked", body = Policy), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account"), (status = 422, description = "Not valid; the problem says what to do")))]
async fn set_policy(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    address: Address,
    Path(class_id): Path<Uuid>,
    Body(policy): Body<Policy>,
) -> Result<Json<Policy>, Problem> {
    app.taught(&identity, class_id).await?;
    let refuse = |detail: String| Problem::reject(StatusCode::UNPROCESSABLE_ENTITY, detail);
    if policy.exercises.len() > MOST_POLICIES {
        return Err(refuse(format!("At most {MOST_POLICIES} exercises have a tier of their own.")));
    }
    let ids: Vec<String> = policy.exercises.keys().cloned().collect();
    if ids.iter().any(|id| id.contains('\0')) {
        return Err(refuse("An exercise's id holds no NUL.".to_owned()));
    }
    let known: Vec<String> = sqlx::query_scalar(
        "SELECT exercise_id FROM class_exercises WHERE class_id = $1 AND exercise_id = ANY($2)
         UNION SELECT exercise_id FROM exercises WHERE exercise_id = ANY($2)",
    )
    .bind(class_id)
    .bind(&ids)
    .fetch_all(&app.db)
    .await?;
    let in_bank = |id: &str| bank().binary_search_by_key(&id, |exercise| exercise.id).is_ok();
    if let Some(unknown) = ids.iter().find(|id| !in_bank(id) && !known.contains(id)) {
        let unknown: String = unknown.chars().take(60).collect();
        return Err(refuse(format!("There is no exercise {unknown:?}; /api/exercises lists them.")));
    }
    let tiers: Vec<&str> = policy.exercises.values().map(|tier| tier.as_str()).collect();
    let mut transaction = app.db.begin().await?;
    sqlx::query("UPDATE classes SET max_tier = $2 WHERE class_id = $1")
        .bind(class_id)
        .bind(policy.default.as_str())
        .execute(&mut *transaction)
        .await?;
    sqlx::query("DELETE FROM class_policies WHERE class_id = $1")
        .bind(class_id)
        .execute(&mut *transaction)
        .await?;
    sqlx::query(
        "INSERT INTO class_policies (class_id, exercise_id, max_tier)
         SELECT $1, exercise_id, max_tier FROM unnest($2::text[], $3::text[]) AS p(exercise_id, max_tier)",
    )
    .bind(class_id)
    .bind(&ids)
    .bind(&tiers)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    let detail = json!({ "default": policy.default, "exercises": policy.exercises.len() });
    app.audit(Some(&identity), address, Action::PolicySet, Some(&class_id.to_string()), detail).await;
    Ok(Json(app.policy(class_id).await?))
}

impl App {
    async fn policy(&self, class_id: Uuid) -> Result<Policy, Problem> {
        let default: Option<String> = sqlx::query_scalar("SELECT max_tier FROM classes WHERE class_id = $1")
            .bind(class_id)
            .fetch_optional(&self.db)
            .await?
            .flatten();
        let exercises: Vec<(String, String)> = sqlx::query_as(
            "SELECT exercise_id, max_tier FROM class_policies WHERE class_id = $1 ORDER BY exercise_id",
        )
        .bind(class_id)
        .fetch_all(&self.db)
        .await?;
        Ok(Policy {
            // What learnflow_agent::tutoring grants at most without a policy.
            default: default.and_then(|name| Tier::named(&name)).unwrap_or(Tier::WorkedPart),
            exercises: exercises
                .into_iter()
                .filter_map(|(id, name)| Some((id, Tier::named(&name)?)))
                .collect(),
        })
    }
}

/// What a course says.
#[derive(Serialize, FromRow, ToSchema)]
struct Note {
    note_id: Uuid,
    title: String,
    /// Markdown.
    text: String,
    /// Topics of the curriculum that it is about; none: all.
    topics: Vec<String>,
    /// Who wrote it last; empty when the account is gone.
    author: String,
    updated_at: DateTime<Utc>,
}

/// The notes of a class, newest first.
#[derive(Serialize, ToSchema)]
struct Notes {
    notes: Vec<Note>,
}

/// A note to keep.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewNote {
    /// 1 to 200 characters.
    title: String,
    /// Markdown, 1 to 8,000 characters.
    text: String,
    /// Topics of the curriculum, at most 20; none: all.
    #[serde(default)]
    topics: Vec<String>,
}

/// What the course says, for the agents to go by.
#[utoipa::path(get, path = "/api/instructor/classes/{id}/notes", tag = "teacher", security(("bearer" = [])),
    params(("id" = Uuid, Path)), responses((status = 200, description = "As asked", body = Notes), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account")))]
async fn notes(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    Path(class_id): Path<Uuid>,
) -> Result<Json<Notes>, Problem> {
    app.taught(&identity, class_id).await?;
    let notes = sqlx::query_as(
        "SELECT n.note_id, n.title, n.text, n.topics, coalesce(u.display_name, '') AS author, n.updated_at
           FROM class_notes n LEFT JOIN users u ON u.user_id = n.author_id
          WHERE n.class_id = $1 ORDER BY n.updated_at DESC, n.note_id",
    )
    .bind(class_id)
    .fetch_all(&app.db)
    .await?;
    Ok(Json(Notes { notes }))
}

/// Adds a note.
#[utoipa::path(post, path = "/api/instructor/classes/{id}/notes", tag = "teacher", security(("bearer" = [])),
    params(("id" = Uuid, Path)), request_body = NewNote,
    responses((status = 201, description = "Made", body = Note), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account"), (status = 409, description = "At odds with what there is"), (status = 422, description = "Not valid; the problem says what to do")))]
async fn create_note(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    address: Address,
    Path(class_id): Path<Uuid>,
    Body(note): Body<NewNote>,
) -> Result<(StatusCode, Json<Note>), Problem> {
    app.taught(&identity, class_id).await?;
    let note = checked(note)?;
    let made: Option<Note> = sqlx::query_as(
        "INSERT INTO class_notes (note_id, class_id, title, text, topics, author_id)
         SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT count(*) FROM class_notes WHERE class_id = $2) < $7
      RETURNING note_id, title, text, topics, $8 AS author, updated_at",
    )
    .bind(Uuid::now_v7())
    .bind(class_id)
    .bind(note.title)
    .bind(note.text)
    .bind(note.topics)
    .bind(&identity.user_id)
    .bind(MOST_NOTES)
    .bind(&identity.name)
    .fetch_optional(&app.db)
    .await?;
    let made = made.ok_or_else(|| {
        Problem::reject(
            StatusCode::CONFLICT,
            format!("The class has {MOST_NOTES} notes already; delete some first."),
        )
    })?;
    let detail = json!({ "class_id": class_id });
    app.audit(Some(&identity), address, Action::NoteMade, Some(&made.note_id.to_string()), detail).await;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Replaces a note.
#[utoipa::path(put, path = "/api/instructor/classes/{id}/notes/{note_id}", tag = "teacher",
    security(("bearer" = [])), params(("id" = Uuid, Path), ("note_id" = Uuid, Path)), request_body = NewNote,
    responses((status = 200, description = "As asked", body = Note), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account"), (status = 422, description = "Not valid; the problem says what to do")))]
async fn replace_note(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    address: Address,
    Path((class_id, note_id)): Path<(Uuid, Uuid)>,
    Body(note): Body<NewNote>,
) -> Result<Json<Note>, Problem> {
    app.taught(&identity, class_id).await?;
    let note = checked(note)?;
    let changed: Option<Note> = sqlx::query_as(
        "UPDATE class_notes SET title = $3, text = $4, topics = $5, author_id = $6, updated_at = now()
          WHERE class_id = $1 AND note_id = $2
      RETURNING note_id, title, text, topics, $7 AS author, updated_at",
    )
    .bind(class_id)
    .bind(note_id)
    .bind(note.title)
    .bind(note.text)
    .bind(note.topics)
    .bind(&identity.user_id)
    .bind(&identity.name)
    .fetch_optional(&app.db)
    .await?;
    let changed = changed.ok_or_else(unknown_note)?;
    let detail = json!({ "class_id": class_id });
    app.audit(Some(&identity), address, Action::NoteChanged, Some(&note_id.to_string()), detail).await;
    Ok(Json(changed))
}

/// Deletes a note.
#[utoipa::path(delete, path = "/api/instructor/classes/{id}/notes/{note_id}", tag = "teacher",
    security(("bearer" = [])), params(("id" = Uuid, Path), ("note_id" = Uuid, Path)),
    responses((status = 204, description = "Done"), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account")))]
async fn delete_note(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    address: Address,
    Path((class_id, note_id)): Path<(Uuid, Uuid)>,
) -> Result<StatusCode, Problem> {
    app.taught(&identity, class_id).await?;
    let deleted = sqlx::query("DELETE FROM class_notes WHERE class_id = $1 AND note_id = $2")
        .bind(class_id)
        .bind(note_id)
        .execute(&app.db)
        .await?;
    if deleted.rows_affected() == 0 {
        return Err(unknown_note());
    }
    let detail = json!({ "class_id": class_id });
    app.audit(Some(&identity), address, Action::NoteDeleted, Some(&note_id.to_string()), detail).await;
    Ok(StatusCode::NO_CONTENT)
}

fn unknown_note() -> Problem {
    Problem::not_found("The class has no note with this id.")
}

fn checked(note: NewNote) -> Result<NewNote, Problem> {
    let refuse = |detail: String| Err(Problem::reject(StatusCode::UNPROCESSABLE_ENTITY, detail));
    let fits = |text: &str, chars: std::ops::RangeInclusive<usize>| {
        chars.contains(&text.trim().chars().count())
            && text.chars().count() <= *chars.end()
            && !text.contains('\0')
    };
    if !fits(&note.title, TITLE_CHARS) || !fits(&note.text, TEXT_CHARS) {
        return refuse("A note needs a title of 1 to 200 and a text of 1 to 8,000 characters.".to_owned());
    }
    if note.topics.len() > TOPICS {
        return refuse(format!("A note is about at most {TOPICS} topics; name none when it is about all."));
    }
    if let Some(unknown) = note.topics.iter().find(|topic| curriculum::topic(topic).is_none()) {
        let unknown: String = unknown.chars().take(60).collect();
        return refuse(format!("The curriculum has no topic {unknown:?}; /api/curriculum lists them."));
    }
    Ok(note)
}
