//! Finding students by what they struggle with, or have not mastered: docs/queries.md has the same as SQL.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use learnflow_learner::{curriculum, state};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, types::Json as SqlJson};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::Shared,
    identity::Teacher,
    problem::{Problem, Query},
    token::Role,
};

const MOST_NAMES: usize = 5;
const MOST: i64 = 200;

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(find))
}

/// Whom to find.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Topics or modules, separated by commas, at most 5: students who struggle with all of them. A module stands for
    /// any of its topics.
    struggling: Option<String>,
    /// Topics or modules, separated by commas, at most 5: students who have worked on all of them.
    covered: Option<String>,
    /// A topic: students who have mastered less of it than `below` percent, and have begun it.
    topic: Option<String>,
    /// 1 to 100; 50 when absent.
    below: Option<u8>,
    /// Of one class; of all students that one looks after when absent.
    class_id: Option<Uuid>,
}

/// Those who were found, at most 200.
#[derive(Serialize, ToSchema)]
struct Found {
    students: Vec<FoundStudent>,
}

/// A student who was found.
#[derive(Serialize, ToSchema)]
struct FoundStudent {
    student_id: String,
    name: String,
    /// Topic ids.
    struggle_topics: Vec<String>,
    /// Percent by topic, of the topics that were asked for.
    mastery: BTreeMap<String, u8>,
    last_seen: DateTime<Utc>,
}

#[derive(FromRow)]
struct Row {
    student_id: String,
    name: String,
    struggle_topics: Vec<String>,
    mastery_levels: SqlJson<BTreeMap<String, f64>>,
    last_activity: DateTime<Utc>,
}

/// Students who struggle with everything that is named (`struggling=loops,recursion`), have worked on it, or have not
/// mastered a topic; of those that one looks after.
#[utoipa::path(get, path = "/api/instructor/students", tag = "teacher", security(("bearer" = [])), params(Wanted),
    responses((status = 200, description = "As asked", body = Found), (status = 400, description = "A parameter is not valid; the problem says which"), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account")))]
async fn find(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Found>, Problem> {
    if let Some(class_id) = wanted.class_id {
        app.taught(&identity, class_id).await?;
    }
    let struggling = names(wanted.struggling.as_deref())?;
    let covered = names(wanted.covered.as_deref())?;
    let topic = wanted
        .topic
        .as_deref()
        .map(|topic| curriculum::topic(topic).map(|topic| topic.id).ok_or_else(|| unknown(topic)));
    let topic = topic.transpose()?;
    let below = wanted.below.unwrap_or(50);
    if !(1..=100).contains(&below) {
        return Err(Problem::bad_request("below must be 1 to 100."));
    }
    if struggling.is_empty() && covered.is_empty() && topic.is_none() {
        return Err(Problem::bad_request("Say what to look for: struggling, covered or topic."));
    }
    // Five conditions each, of which those that were not asked for are absent: the statement stays one text, and
    // PostgreSQL, which plans it for these values, looks absent ones away and uses the GIN indexes for the others.
    let set = |sets: &[Vec<&'static str>], at: usize| -> Option<Vec<String>> {
        sets.get(at).map(|set| set.iter().map(|id| (*id).to_owned()).collect())
    };
    let mut query = sqlx::query_as::<_, Row>(FIND)
        .bind(identity.role == Role::Admin)
        .bind(&identity.user_id)
        .bind(wanted.class_id)
        .bind(topic)
        .bind(f64::from(below) / 100.0)
        .bind(MOST);
    for at in 0..MOST_NAMES {
        query = query.bind(set(&struggling, at));
    }
    for at in 0..MOST_NAMES {
        query = query.bind(set(&covered, at));
    }
    // Planned anew each time: what is absent decides which index helps.
    let rows = query.persistent(false).fetch_all(&app.db).await?;
    let asked: Vec<&str> = struggling.iter().chain(&covered).flatten().copied().chain(topic).collect();
    let students = rows
        .into_iter()
        .map(|row| FoundStudent {
            mastery: row
                .mastery_levels
                .0
                .into_iter()
                .filter(|(topic, _)| asked.contains(&topic.as_str()))
                .map(|(topic, level)| (topic, state::percent(level)))
                .collect(),
            student_id: row.student_id,
            name: row.name,
            struggle_topics: row.struggle_topics,
            last_seen: row.last_activity,
        })
        .collect();
    Ok(Json(Found { students }))
}

/// `&&` ("have an element in common") and `?` ("has the key") are what the GIN indexes of `student_progress` answer.
const FIND: &str = "
    SELECT p.student_id, coalesce(u.display_name, p.student_id) AS name, p.struggle_topics, p.mastery_levels,
           p.last_activity
      FROM student_progress p LEFT JOIN users u ON u.user_id = p.student_id
     WHERE ($7::text[] IS NULL OR p.struggle_topics && $7)
       AND ($8::text[] IS NULL OR p.struggle_topics && $8)
       AND ($9::text[] IS NULL OR p.struggle_topics && $9)
       AND ($10::text[] IS NULL OR p.struggle_topics && $10)
       AND ($11::text[] IS NULL OR p.struggle_topics && $11)
       AND ($12::text[] IS NULL OR p.topics_covered && $12)
       AND ($13::text[] IS NULL OR p.topics_covered && $13)
       AND ($14::text[] IS NULL OR p.topics_covered && $14)
       AND ($15::text[] IS NULL OR p.topics_covered && $15)
       AND ($16::text[] IS NULL OR p.topics_covered && $16)
       AND ($4::text IS NULL OR (p.mastery_levels ? $4 AND (p.mastery_levels ->> $4)::float8 < $5))
       AND ($3::uuid IS NULL OR EXISTS (SELECT FROM class_members m
                                         WHERE m.class_id = $3 AND m.student_id = p.student_id))
       AND ($1 OR teaches($2, p.student_id))
  ORDER BY p.last_activity DESC, p.student_id LIMIT $6";

/// What each name stands for: a topic for itself, a module for its topics.
fn names(list: Option<&str>) -> Result<Vec<Vec<&'static str>>, Problem> {
    let names: Vec<&str> =
        list.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.len() > MOST_NAMES {
        return Err(Problem::bad_request(format!("Name at most {MOST_NAMES} topics or modules.")));
    }
    names
        .into_iter()
        .map(|name| {
            let module = curriculum::modules().iter().find(|module| module.id == name);
            let topics = module.map(|module| module.topics.iter().map(|topic| topic.id).collect());
            topics
                .or_else(|| curriculum::topic(name).map(|topic| vec![topic.id]))
                .ok_or_else(|| unknown(name))
        })
        .collect()
}

fn unknown(name: &str) -> Problem {
    let name: String = name.chars().take(60).collect();
    Problem::bad_request(format!(
        "The curriculum has no topic or module {name:?}; /api/curriculum lists them."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_stands_for_its_topics() {
        let found = names(Some("loops, recursion")).unwrap();
        assert!(found[0].contains(&"for-loops") && found[0].contains(&"while-loops"), "{found:?}");
        assert_eq!(found[1].iter().filter(|topic| **topic == "recursion").count(), 1);
        assert!(names(Some("swimming")).is_err());
    }

    #[tokio::test]
    async fn the_indexes_find_who_struggles_with_all_of_it() {
        let database = learnflow_testkit::database().await;
        sqlx::query(
            "INSERT INTO student_progress (student_id, struggle_topics)
             SELECT 'student-' || n,
                    CASE WHEN n % 500 = 0 THEN ARRAY['recursion', 'for-loops'] ELSE ARRAY['topic-' || n % 40] END
               FROM generate_series(1, 10000) n",
        )
        .execute(&database.pool)
        .await
        .unwrap();
        sqlx::query("ANALYZE student_progress").execute(&database.pool).await.unwrap();
        let explained = format!("EXPLAIN {FIND}");
        let set = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        let mut query = sqlx::query_scalar::<_, String>(sqlx::AssertSqlSafe(explained))
            .bind(true)
            .bind("grace")
            .bind(None::<Uuid>)
            .bind(None::<String>)
            .bind(0.5)
            .bind(MOST)
            .bind(set(&["for-loops", "while-loops"]))
            .bind(set(&["recursion"]));
        for _ in 2..2 * MOST_NAMES {
            query = query.bind(None::<Vec<String>>);
        }
        let plan = query.persistent(false).fetch_all(&database.pool).await.unwrap().join("\n");
        assert!(plan.contains("student_progress_struggle"), "{plan}");
        assert!(!plan.contains("Seq Scan on student_progress"), "{plan}");
    }
}
