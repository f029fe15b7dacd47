//! Students who sit still inside an exercise: nothing they do tells an agent so, so the sweep looks.
//!
//! The rule and its thresholds are crates/learner's. An alert is a row and an event, like those that the progress
//! agent raises; its id is derived from what the student did last, so that one stillness is told once.

use chrono::{DateTime, Utc};
use learnflow_events::{Agent, EventType, Outgoing, ids, message::extension, payload::StudentStruggling};
use learnflow_learner::{
    curriculum,
    parameters::{GONE_S, STILLNESS_S},
    struggle::{self, Activity, OpenExercise},
};
use learnflow_telemetry::TraceContext;
use serde_json::json;
use uuid::Uuid;

use crate::{app::App, dead_letters::SOURCE, problem::Problem};

/// Most students that one sweep looks at.
const BATCH: i32 = 200;
/// The key of the advisory lock that lets one replica look at a time.
const LOCK: i64 = 0x6c66_7377_6565_7003;

/// A student with an exercise open who has done nothing for a while.
#[derive(sqlx::FromRow)]
struct Still {
    student_id: String,
    exercise_id: String,
    topic: String,
    touched_at: DateTime<Utc>,
}

impl App {
    /// Raises an alert for everybody who sits still and for whom it was not raised.
    pub(crate) async fn alert_stillness(&self) -> Result<(), Problem> {
        let mut connection = self.db.acquire().await?;
        let alone: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(LOCK)
            .fetch_one(&mut *connection)
            .await?;
        if !alone {
            return Ok(());
        }
        let result = self.alert_stillness_alone().await;
        sqlx::query("SELECT pg_advisory_unlock($1)").bind(LOCK).execute(&mut *connection).await?;
        result
    }

    async fn alert_stillness_alone(&self) -> Result<(), Problem> {
        let (still_s, gone_s) = (STILLNESS_S as f64, GONE_S as f64);
        let students: Vec<Still> = sqlx::query_as("SELECT * FROM still_students($1, $2, $3)")
            .bind(still_s)
            .bind(gone_s)
            .bind(BATCH)
            .fetch_all(&self.db)
            .await?;
        for still in students {
            // A turn that is not answered yet has no topic: the student waits for us, not we for the student.
            if curriculum::topic(&still.topic).is_some() {
                self.alert_if_still(still).await?;
            }
        }
        Ok(())
    }

    async fn alert_if_still(&self, still: Still) -> Result<(), Problem> {
        let Still { student_id, exercise_id, topic, touched_at } = still;
        let cause = format!("stillness/{student_id}/{exercise_id}/{}", touched_at.to_rfc3339());
        let open_exercise = Some(OpenExercise { exercise_id, topic, touched_at });
        let activity = Activity { open_exercise, ..Activity::default() };
        let Some(alert) = struggle::detect(&activity, Utc::now()).into_iter().next() else { return Ok(()) };
        let alert_id: Uuid = ids::caused_event(&cause, EventType::StudentStruggling);
        let made = sqlx::query(
            "INSERT INTO struggle_alerts (alert_id, student_id, topic, cause, level, recommendation, context, evidence)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        )
        .bind(alert_id)
        .bind(&student_id)
        .bind(&alert.topic)
        .bind(alert.cause.as_str())
        .bind(json!(alert.level).as_str())
        .bind(&alert.recommendation)
        .bind(&alert.context)
        .bind(json!({ "turns": alert.turns, "runs": alert.runs }))
        .execute(&self.db)
        .await?;
        if made.rows_affected() == 0 {
            return Ok(());
        }
        let event = Outgoing {
            id: alert_id,
            source: SOURCE.to_owned(),
            subject: None,
            time: Utc::now(),
            student_id,
            traceparent: Some(TraceContext::current_or_new().traceparent()),
            extensions: vec![(extension::AGENT, Agent::Progress.to_string())],
        }
        .event(StudentStruggling::from(&alert));
        if let Err(error) = self.outbound.publish(&self.config.broker_url, &event).await {
            // Nobody was told: the next sweep raises it again.
            sqlx::query("DELETE FROM struggle_alerts WHERE alert_id = $1")
                .bind(alert_id)
                .execute(&self.db)
                .await?;
            return Err(error.into());
        }
        Ok(())
    }
}
