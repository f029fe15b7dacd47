//! Exercises that a teacher writes for a class: tried in the sandbox before they are kept.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use learnflow_agent::SkillLevel;
use learnflow_exercise_bank::draft;
use learnflow_learner::curriculum;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::{FromRow, types::Json as SqlJson};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::{App, Shared},
    audit::Action,
    identity::{Address, Identity, Teacher},
    problem::{Body, Path, Problem},
    schema,
    tasks::Case,
    verification::Verification,
};

const TITLE_CHARS: std::ops::RangeInclusive<usize> = 1..=120;
const TEXT_BYTES: usize = 16 * 1024;
const HINT_BYTES: usize = 2 * 1024;
const CASE_BYTES: usize = 4 * 1024;
const TOPICS: std::ops::RangeInclusive<usize> = 1..=5;
const SHOWN: std::ops::RangeInclusive<usize> = 1..=10;
const HIDDEN: std::ops::RangeInclusive<usize> = 1..=40;
const WRONG: usize = 5;
/// Most exercises of a class.
const MOST: i64 = 500;

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list_class_exercises, create_class_exercise))
        .routes(routes!(verify_class_exercise))
        .routes(routes!(replace_class_exercise, delete_class_exercise))
}

/// An exercise as a teacher writes it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Draft {
    /// 1 to 120 characters.
    title: String,
    /// Topics of the curriculum, the main one first; 1 to 5.
    topics: Vec<String>,
    #[schema(value_type = schema::SkillLevel)]
    difficulty: SkillLevel,
    /// The task, in Markdown.
    statement: String,
    /// What students start from; it must not pass.
    starter: String,
    /// A program that passes all tests; students never see it.
    solution: String,
    /// From a nudge to nearly the way.
    #[schema(min_items = 3, max_items = 3)]
    hints: [String; 3],
    tests: TestKind,
    /// Tests that students see, 1 to 10.
    shown: Vec<Case>,
    /// Tests that students never see, 1 to 40.
    hidden: Vec<Case>,
    /// Programs that must not pass, with what whoever writes them believes; at most 5.
    wrong: Vec<WrongAnswer>,
}

/// What the tests are.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TestKind {
    /// An expression and its value.
    Call,
    /// An input and its output.
    Io,
}

/// A program that fails.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WrongAnswer {
    code: String,
    /// What students who write such a program are told.
    misconception: String,
}

/// An exercise of a class, for its teachers.
#[derive(Serialize, ToSchema)]
struct AuthoredExercise {
    exercise_id: String,
    class_id: Uuid,
    /// When the sandbox has last seen that it does what it must.
    verified_at: Option<DateTime<Utc>>,
    updated_at: DateTime<Utc>,
    #[serde(flatten)]
    draft: Draft,
}

/// The exercises of a class.
#[derive(Serialize, ToSchema)]
struct AuthoredExercises {
    exercises: Vec<AuthoredExercise>,
}

#[derive(FromRow)]
struct Row {
    exercise_id: String,
    class_id: Uuid,
    exercise: SqlJson<draft::Draft>,
    verified_at: Option<DateTime<Utc>>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for AuthoredExercise {
    fn from(row: Row) -> Self {
        Self {
            exercise_id: row.exercise_id,
            class_id: row.class_id,
            verified_at: row.verified_at,
            updated_at: row.updated_at,
            draft: row.exercise.0.into(),
        }
    }
}

/// The exercises of a class's own, with their solutions and hidden tests.
#[utoipa::path(get, path = "/api/instructor/classes/{id}/exercises", tag = "teacher", security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "As asked", body = AuthoredExercises), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account")))]
async fn list_class_exercises(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    Path(class_id): Path<Uuid>,
) -> Result<Json<AuthoredExercises>, Problem> {
    app.taught(&identity, class_id).await?;
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT exercise_id, class_id, exercise, verified_at, updated_at FROM class_exercises
          WHERE class_id = $1 ORDER BY exercise ->> 'title', exercise_id LIMIT $2",
    )
    .bind(class_id)
    .bind(MOST)
    .fetch_all(&app.db)
    .await?;
    Ok(Json(AuthoredExercises { exercises: rows.into_iter().map(AuthoredExercise::from).collect() }))
}

/// Tries a draft in the sandbox: its solution must pass, its starter and its wrong answers must fail.
#[utoipa::path(post, path = "/api/instructor/classes/{id}/exercises/verify", tag = "teacher",
    security(("bearer" = [])), params(("id" = Uuid, Path)), request_body = Draft,
    responses((status = 200, description = "As asked", body = Verification), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account"), (status = 422, description = "Not valid; the problem says what to do"), (status = 429, description = "Too many; see Retry-After"),
              (status = 503, description = "The sandbox is away; see Retry-After")))]
async fn verify_class_exercise(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    Path(class_id): Path<Uuid>,
    Body(draft): Body<Draft>,
) -> Result<Json<Verification>, Problem> {
    app.taught(&identity, class_id).await?;
    let draft = checked(draft)?;
    Ok(Json(app.verify(&identity, &draft).await?))
}

/// Keeps a draft as an exercise of the class, when the sandbox has seen that it does what it must.
#[utoipa::path(post, path = "/api/instructor/classes/{id}/exercises", tag = "teacher", security(("bearer" = [])),
    params(("id" = Uuid, Path)), request_body = Draft,
    responses((status = 201, description = "Made", body = AuthoredExercise), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account"), (status = 409, description = "At odds with what there is"),
              (status = 422, description = "A rule is broken; or it was tried, and `verification` says what failed"),
              (status = 429, description = "Too many; see Retry-After"), (status = 503, description = "Something is away; see Retry-After")))]
async fn create_class_exercise(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    address: Address,
    Path(class_id): Path<Uuid>,
    Body(draft): Body<Draft>,
) -> Result<(StatusCode, Json<AuthoredExercise>), Problem> {
    app.taught(&identity, class_id).await?;
    let draft = app.verified(&identity, draft).await?;
    let row: Option<Row> = sqlx::query_as(
        "INSERT INTO class_exercises (exercise_id, class_id, author_id, exercise, verified_at)
         SELECT $1, $2, $3, $4, now() WHERE (SELECT count(*) FROM class_exercises WHERE class_id = $2) < $5
      RETURNING exercise_id, class_id, exercise, verified_at, updated_at",
    )
    .bind(format!("c-{}", Uuid::now_v7().simple()))
    .bind(class_id)
    .bind(&identity.user_id)
    .bind(SqlJson(draft))
    .bind(MOST)
    .fetch_optional(&app.db)
    .await?;
    let row = row.ok_or_else(|| {
        Problem::reject(
            StatusCode::CONFLICT,
            format!("The class has {MOST} exercises already; delete some first."),
        )
    })?;
    let detail = json!({ "class_id": class_id });
    app.audit(Some(&identity), address, Action::ExerciseMade, Some(&row.exercise_id), detail).await;
    Ok((StatusCode::CREATED, Json(row.into())))
}

/// Replaces an exercise of the class by a draft that was verified.
#[utoipa::path(put, path = "/api/instructor/classes/{id}/exercises/{exercise_id}", tag = "teacher",
    security(("bearer" = [])), params(("id" = Uuid, Path), ("exercise_id" = String, Path)), request_body = Draft,
    responses((status = 200, description = "As asked", body = AuthoredExercise), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account"),
              (status = 422, description = "As when it is made"), (status = 429, description = "Too many; see Retry-After"), (status = 503, description = "Something is away; see Retry-After")))]
async fn replace_class_exercise(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    address: Address,
    Path((class_id, exercise_id)): Path<(Uuid, String)>,
    Body(draft): Body<Draft>,
) -> Result<Json<AuthoredExercise>, Problem> {
    app.taught(&identity, class_id).await?;
    let draft = app.verified(&identity, draft).await?;
    let row: Option<Row> = sqlx::query_as(
        "UPDATE class_exercises SET exercise = $3, author_id = $4, verified_at = now(), updated_at = now()
          WHERE class_id = $1 AND exercise_id = $2
      RETURNING exercise_id, class_id, exercise, verified_at, updated_at",
    )
    .bind(class_id)
    .bind(exercise_id.replace('\0', ""))
    .bind(SqlJson(draft))
    .bind(&identity.user_id)
    .fetch_optional(&app.db)
    .await?;
    let row = row.ok_or_else(unknown)?;
    let detail = json!({ "class_id": class_id });
    app.audit(Some(&identity), address, Action::ExerciseChanged, Some(&row.exercise_id), detail).await;
    Ok(Json(row.into()))
}

/// Deletes an exercise of the class; what students handed in stays.
#[utoipa::path(delete, path = "/api/instructor/classes/{id}/exercises/{exercise_id}", tag = "teacher",
    security(("bearer" = [])), params(("id" = Uuid, Path), ("exercise_id" = String, Path)),
    responses((status = 204, description = "Done"), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account")))]
async fn delete_class_exercise(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    address: Address,
    Path((class_id, exercise_id)): Path<(Uuid, String)>,
) -> Result<StatusCode, Problem> {
    app.taught(&identity, class_id).await?;
    let deleted = sqlx::query("DELETE FROM class_exercises WHERE class_id = $1 AND exercise_id = $2")
        .bind(class_id)
        .bind(exercise_id.replace('\0', ""))
        .execute(&app.db)
        .await?;
    if deleted.rows_affected() == 0 {
        return Err(unknown());
    }
    let detail = json!({ "class_id": class_id });
    app.audit(Some(&identity), address, Action::ExerciseDeleted, Some(&exercise_id), detail).await;
    Ok(StatusCode::NO_CONTENT)
}

fn unknown() -> Problem {
    Problem::not_found("The class has no exercise with this id.")
}

impl App {
    /// A draft that keeps the rules and that the sandbox has seen to do what it must.
    async fn verified(&self, identity: &Identity, draft: Draft) -> Result<draft::Draft, Problem> {
        let draft = checked(draft)?;
        let verification = self.verify(identity, &draft).await?;
        if verification.verified {
            return Ok(draft);
        }
        let problem = Problem::reject(
            StatusCode::UNPROCESSABLE_ENTITY,
            "The exercise was tried in the sandbox and does not do what it must; see the checks.",
        );
        Err(problem.with("verification", serde_json::to_value(verification).unwrap_or_default()))
    }
}

/// Holds a draft to the rules that need no sandbox.
fn checked(draft: Draft) -> Result<draft::Draft, Problem> {
    let refuse = |detail: String| Err(Problem::reject(StatusCode::UNPROCESSABLE_ENTITY, detail));
    if !TITLE_CHARS.contains(&draft.title.trim().chars().count()) {
        return refuse("title must have 1 to 120 characters.".to_owned());
    }
    if !TOPICS.contains(&draft.topics.len()) {
        return refuse("Name 1 to 5 topics, the main one first.".to_owned());
    }
    if let Some(unknown) = draft.topics.iter().find(|topic| curriculum::topic(topic).is_none()) {
        let unknown: String = unknown.chars().take(60).collect();
        return refuse(format!("The curriculum has no topic {unknown:?}; /api/curriculum lists them."));
    }
    if !SHOWN.contains(&draft.shown.len()) || !HIDDEN.contains(&draft.hidden.len()) {
        return refuse("Give 1 to 10 tests that students see and 1 to 40 that they do not.".to_owned());
    }
    if draft.wrong.len() > WRONG {
        return refuse(format!("At most {WRONG} wrong answers are kept."));
    }
    let long = [&draft.statement, &draft.starter, &draft.solution];
    let wrong = draft.wrong.iter().flat_map(|wrong| [&wrong.code, &wrong.misconception]);
    let cases = || draft.shown.iter().chain(&draft.hidden).flat_map(|case| [&case.given, &case.expected]);
    for (name, text, most, may_be_empty) in long
        .into_iter()
        .zip(["statement", "starter", "solution"])
        .map(|(text, name)| (name, text, TEXT_BYTES, name == "starter"))
        .chain(wrong.map(|text| ("a wrong answer", text, TEXT_BYTES, false)))
        .chain(draft.hints.iter().map(|text| ("a hint", text, HINT_BYTES, false)))
        // A program may be given nothing, and may have to print nothing.
        .chain(cases().map(|text| ("a test", text, CASE_BYTES, matches!(draft.tests, TestKind::Io))))
    {
        if text.len() > most || text.contains('\0') {
            return refuse(format!("{name} may have at most {most} bytes, none of them NUL."));
        }
        if text.trim().is_empty() && !may_be_empty {
            return refuse(format!("{name} is empty."));
        }
    }
    if draft.hidden.iter().any(|hidden| draft.shown.iter().any(|shown| shown.given == hidden.given)) {
        return refuse("A hidden test is shown as well; make it another one.".to_owned());
    }
    Ok(draft.into())
}

impl From<Draft> for draft::Draft {
    fn from(draft: Draft) -> Self {
        let cases = |cases: Vec<Case>| -> Vec<draft::Case> {
            cases.into_iter().map(|case| draft::Case { given: case.given, expected: case.expected }).collect()
        };
        let program = |text: String| format!("{}\n", text.trim_matches('\n').trim_end());
        Self {
            title: draft.title.trim().to_owned(),
            topics: draft.topics,
            difficulty: draft.difficulty,
            statement: draft.statement,
            starter: program(draft.starter),
            solution: program(draft.solution),
            hints: draft.hints,
            shown: cases(draft.shown),
            hidden: cases(draft.hidden),
            wrong: draft
                .wrong
                .into_iter()
                .map(|wrong| draft::Wrong { code: program(wrong.code), misconception: wrong.misconception })
                .collect(),
            tests: match draft.tests {
                TestKind::Call => draft::Tests::Call,
                TestKind::Io => draft::Tests::Io,
            },
        }
    }
}

impl From<draft::Draft> for Draft {
    fn from(draft: draft::Draft) -> Self {
        let cases = |cases: Vec<draft::Case>| -> Vec<Case> {
            cases.into_iter().map(|case| Case { given: case.given, expected: case.expected }).collect()
        };
        Self {
            title: draft.title,
            topics: draft.topics,
            difficulty: draft.difficulty,
            statement: draft.statement,
            starter: draft.starter,
            solution: draft.solution,
            hints: draft.hints,
            tests: match draft.tests {
                draft::Tests::Call => TestKind::Call,
                draft::Tests::Io => TestKind::Io,
            },
            shown: cases(draft.shown),
            hidden: cases(draft.hidden),
            wrong: draft
                .wrong
                .into_iter()
                .map(|wrong| WrongAnswer { code: wrong.code, misconception: wrong.misconception })
                .collect(),
        }
    }
}
