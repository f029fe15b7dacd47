//! Who may see whose work, and who runs which class.
//!
//! A teacher looks after the students of the own classes, and after students who are in nobody's class; an admin
//! after all. Somebody else's student or class is as unknown as one that does not exist.

use uuid::Uuid;

use crate::{app::App, identity::Identity, problem::Problem, token::Role};

impl App {
    /// Whether `identity` may see what belongs to `student_id`.
    pub(crate) async fn may_see(&self, identity: &Identity, student_id: &str) -> Result<bool, Problem> {
        if identity.user_id == student_id || identity.role == Role::Admin {
            return Ok(true);
        }
        if identity.role < Role::Teacher || student_id.contains('\0') {
            return Ok(false);
        }
        Ok(sqlx::query_scalar("SELECT teaches($1, $2)")
            .bind(&identity.user_id)
            .bind(student_id)
            .fetch_one(&self.db)
            .await?)
    }

    /// The name of a student whom `identity` looks after.
    pub(crate) async fn student_name(
        &self,
        identity: &Identity,
        student_id: &str,
    ) -> Result<String, Problem> {
        let unknown = || Problem::not_found("You have no student with this id.");
        if !self.may_see(identity, student_id).await? {
            return Err(unknown());
        }
        // Who is known to event producers only has turns, but no account.
        sqlx::query_scalar(
            "SELECT coalesce((SELECT display_name FROM users WHERE user_id = $1), student_id)
               FROM (SELECT user_id AS student_id FROM users WHERE user_id = $1
                     UNION SELECT student_id FROM student_progress WHERE student_id = $1) known",
        )
        .bind(student_id.replace('\0', ""))
        .fetch_optional(&self.db)
        .await?
        .ok_or_else(unknown)
    }

    /// Refuses whoever does not teach a class; an admin runs every class.
    pub(crate) async fn taught(&self, identity: &Identity, class_id: Uuid) -> Result<(), Problem> {
        identity.require(Role::Teacher)?;
        let teaches: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM classes c
                             WHERE c.class_id = $1
                               AND ($3 OR EXISTS (SELECT FROM class_teachers t
                                                   WHERE t.class_id = c.class_id AND t.user_id = $2)))",
        )
        .bind(class_id)
        .bind(&identity.user_id)
        .bind(identity.role == Role::Admin)
        .fetch_one(&self.db)
        .await?;
        if teaches { Ok(()) } else { Err(Problem::not_found("You teach no class with this id.")) }
    }

    /// The classes that somebody teaches.
    pub(crate) async fn taught_classes(&self, identity: &Identity) -> Result<Vec<Uuid>, Problem> {
        Ok(sqlx::query_scalar("SELECT class_id FROM class_teachers WHERE user_id = $1")
            .bind(&identity.user_id)
            .fetch_all(&self.db)
            .await?)
    }

    /// The classes that a student is in.
    pub(crate) async fn classes_of(&self, student_id: &str) -> Result<Vec<Uuid>, Problem> {
        Ok(sqlx::query_scalar("SELECT class_id FROM class_members WHERE student_id = $1")
            .bind(student_id.replace('\0', ""))
            .fetch_all(&self.db)
            .await?)
    }
}
