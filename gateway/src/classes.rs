//! Classes: teachers make them, students join them with a code.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::FromRow;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::{App, Shared},
    audit::Action,
    identity::{Address, Identity, Teacher},
    problem::{Body, Path, Problem, Query},
    schema,
    sockets::{class_room, student_room, user_room},
    token::Role,
};

/// Letters and digits of join codes, without those that are taken for one another.
const CODE_ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Their number: 2^40 codes, and a few tries a minute.
const CODE_CHARS: usize = 8;
const NAME_CHARS: std::ops::RangeInclusive<usize> = 1..=80;
/// Most classes that somebody teaches, or learns in.
const MOST_CLASSES: i64 = 100;
/// Most students of a class.
const MOST_MEMBERS: i64 = 1_000;

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list_classes, create_class))
        .routes(routes!(join))
        .routes(routes!(rename, delete_class))
        .routes(routes!(new_code, close))
        .routes(routes!(members))
        .routes(routes!(remove_member))
        .routes(routes!(add_teacher, remove_teacher))
}

/// A class as one of its people sees it.
#[derive(Serialize, FromRow, ToSchema)]
pub(crate) struct Class {
    pub(crate) class_id: Uuid,
    pub(crate) name: String,
    /// What the caller is in it.
    #[schema(value_type = schema::ClassRole)]
    role: String,
    /// Students.
    members: i64,
    /// What students join with; for teachers, while the class takes students.
    join_code: Option<String>,
    created_at: DateTime<Utc>,
}

/// One's classes.
#[derive(Serialize, ToSchema)]
struct Classes {
    classes: Vec<Class>,
}

/// Which classes.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Filter {
    /// Every class there is; for admins.
    #[serde(default)]
    all: bool,
}

/// The classes that one teaches or learns in.
#[utoipa::path(get, path = "/api/classes", tag = "classes", security(("bearer" = [])), params(Filter),
    responses((status = 200, description = "As asked", body = Classes), (status = 403, description = "all is for admins")))]
async fn list_classes(
    State(app): State<Shared>,
    identity: Identity,
    Query(filter): Query<Filter>,
) -> Result<Json<Classes>, Problem> {
    if filter.all {
        identity.require(Role::Admin)?;
    }
    Ok(Json(Classes { classes: app.classes(&identity, filter.all, None).await? }))
}

/// A class's name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    /// 1 to 80 characters.
    name: String,
}

/// Makes a class, which its maker teaches.
#[utoipa::path(post, path = "/api/classes", tag = "classes", security(("bearer" = [])), request_body = Named,
    responses((status = 201, description = "Made", body = Class), (status = 403, description = "Teachers make classes"), (status = 409, description = "At odds with what there is"),
              (status = 422, description = "Not valid; the problem says what to do")))]
async fn create_class(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    address: Address,
    Body(new): Body<Named>,
) -> Result<(StatusCode, Json<Class>), Problem> {
    let name = checked_name(&new.name)?;
    let class_id = Uuid::now_v7();
    let made = sqlx::query(
        "WITH made AS (INSERT INTO classes (class_id, name, join_code)
                       SELECT $1, $2, $3
                        WHERE (SELECT count(*) FROM class_teachers WHERE user_id = $4) < $5
                    RETURNING class_id)
         INSERT INTO class_teachers (class_id, user_id) SELECT class_id, $4 FROM made",
    )
    .bind(class_id)
    .bind(name)
    .bind(fresh_code()?)
    .bind(&identity.user_id)
    .bind(MOST_CLASSES)
    .execute(&app.db)
    .await?;
    if made.rows_affected() == 0 {
        return Err(Problem::reject(
            StatusCode::CONFLICT,
            format!("You teach {MOST_CLASSES} classes already; delete one first."),
        ));
    }
    app.audit(Some(&identity), address, Action::ClassMade, Some(&class_id.to_string()), json!({})).await;
    Ok((StatusCode::CREATED, Json(app.class(&identity, class_id).await?)))
}

/// What students join with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Code {
    /// As the teacher shows it; case, spaces and dashes do not matter.
    code: String,
}

/// Joins a class as a student.
#[utoipa::path(post, path = "/api/classes/join", tag = "classes", security(("bearer" = [])), request_body = Code,
    responses((status = 200, description = "As asked", body = Class), (status = 404, description = "No class has this code"),
              (status = 409, description = "The class is full, or one is in too many"),
              (status = 429, description = "Too many tries")))]
async fn join(
    State(app): State<Shared>,
    identity: Identity,
    address: Address,
    Body(code): Body<Code>,
) -> Result<Json<Class>, Problem> {
    app.limits.joins.take(&identity.user_id)?;
    let found: Option<(Uuid, bool, bool)> = sqlx::query_as(
        "WITH found AS (SELECT class_id FROM classes WHERE join_code = $1),
              room AS (SELECT f.class_id FROM found f
                        WHERE (SELECT count(*) FROM class_members m WHERE m.class_id = f.class_id) < $3
                          AND (SELECT count(*) FROM class_members m WHERE m.student_id = $2) < $4
                           OR EXISTS (SELECT FROM class_members m
                                       WHERE m.class_id = f.class_id AND m.student_id = $2)),
              made AS (INSERT INTO class_members (class_id, student_id)
                       SELECT class_id, $2 FROM room r
                        WHERE NOT EXISTS (SELECT FROM class_teachers t
                                           WHERE t.class_id = r.class_id AND t.user_id = $2)
                       ON CONFLICT DO NOTHING
                       RETURNING class_id)
         SELECT class_id, EXISTS (SELECT FROM room), EXISTS (SELECT FROM made) FROM found",
    )
    .bind(normal_code(&code.code))
    .bind(&identity.user_id)
    .bind(MOST_MEMBERS)
    .bind(MOST_CLASSES)
    .fetch_optional(&app.db)
    .await?;
    match found {
        Some((class_id, true, joined)) => {
            if joined {
                let target = class_id.to_string();
                app.audit(Some(&identity), address, Action::ClassJoined, Some(&target), json!({})).await;
            }
            Ok(Json(app.class(&identity, class_id).await?))
        }
        Some((_, false, _)) => Err(Problem::reject(
            StatusCode::CONFLICT,
            "The class is full, or you are in too many classes; ask its teacher.",
        )),
        None => {
            app.audit(Some(&identity), address, Action::JoinRefused, None, json!({})).await;
            Err(Problem::not_found("No class has this code. Ask your teacher for the one that is valid now."))
        }
    }
}

/// Renames a class.
#[utoipa::path(put, path = "/api/classes/{id}", tag = "classes", security(("bearer" = [])),
    params(("id" = Uuid, Path)), request_body = Named,
    responses((status = 200, description = "As asked", body = Class), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account"), (status = 422, description = "Not valid; the problem says what to do")))]
async fn rename(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    address: Address,
    Path(class_id): Path<Uuid>,
    Body(new): Body<Named>,
) -> Result<Json<Class>, Problem> {
    app.taught(&identity, class_id).await?;
    let name = checked_name(&new.name)?;
    sqlx::query("UPDATE classes SET name = $2 WHERE class_id = $1")
        .bind(class_id)
        .bind(name)
        .execute(&app.db)
        .await?;
    app.audit(Some(&identity), address, Action::ClassRenamed, Some(&class_id.to_string()), json!({})).await;
    Ok(Json(app.class(&identity, class_id).await?))
}

/// Deletes a class with its notes, policy and exercises. The students' own work stays theirs.
#[utoipa::path(delete, path = "/api/classes/{id}", tag = "classes", security(("bearer" = [])),
    params(("id" = Uuid, Path)), responses((status = 204, description = "Done"), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account")))]
async fn delete_class(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    address: Address,
    Path(class_id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    app.taught(&identity, class_id).await?;
    sqlx::query("DELETE FROM classes WHERE class_id = $1").bind(class_id).execute(&app.db).await?;
    app.audit(Some(&identity), address, Action::ClassDeleted, Some(&class_id.to_string()), json!({})).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a new join code; the old one is void.
#[utoipa::path(post, path = "/api/classes/{id}/code", tag = "classes", security(("bearer" = [])),
    params(("id" = Uuid, Path)), responses((status = 200, description = "As asked", body = Class), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account")))]
async fn new_code(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    address: Address,
    Path(class_id): Path<Uuid>,
) -> Result<Json<Class>, Problem> {
    app.set_code(&identity, address, class_id, Some(fresh_code()?)).await
}

/// Voids the join code: nobody joins until there is a new one.
#[utoipa::path(delete, path = "/api/classes/{id}/code", tag = "classes", security(("bearer" = [])),
    params(("id" = Uuid, Path)), responses((status = 200, description = "As asked", body = Class), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account")))]
async fn close(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    address: Address,
    Path(class_id): Path<Uuid>,
) -> Result<Json<Class>, Problem> {
    app.set_code(&identity, address, class_id, None).await
}

/// Who is in a class.
#[derive(Serialize, ToSchema)]
struct Members {
    teachers: Vec<Person>,
    students: Vec<Person>,
}

/// Somebody in a class.
#[derive(Serialize, FromRow, ToSchema)]
struct Person {
    user_id: String,
    name: String,
    /// Since when; for students.
    joined_at: Option<DateTime<Utc>>,
}

/// Who is in a class; for its teachers.
#[utoipa::path(get, path = "/api/classes/{id}/members", tag = "classes", security(("bearer" = [])),
    params(("id" = Uuid, Path)), responses((status = 200, description = "As asked", body = Members), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account")))]
async fn members(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    Path(class_id): Path<Uuid>,
) -> Result<Json<Members>, Problem> {
    app.taught(&identity, class_id).await?;
    let teachers = sqlx::query_as(
        "SELECT u.user_id, u.display_name AS name, NULL::timestamptz AS joined_at
           FROM class_teachers t JOIN users u USING (user_id) WHERE t.class_id = $1 ORDER BY name, user_id",
    )
    .bind(class_id)
    .fetch_all(&app.db)
    .await?;
    let students = sqlx::query_as(
        "SELECT u.user_id, u.display_name AS name, m.joined_at
           FROM class_members m JOIN users u ON u.user_id = m.student_id
          WHERE m.class_id = $1 ORDER BY name, user_id",
    )
    .bind(class_id)
    .fetch_all(&app.db)
    .await?;
    Ok(Json(Members { teachers, students }))
}

/// Takes a student out of a class: its teachers may, and the student.
#[utoipa::path(delete, path = "/api/classes/{id}/members/{user_id}", tag = "classes", security(("bearer" = [])),
    params(("id" = Uuid, Path), ("user_id" = String, Path)),
    responses((status = 204, description = "Done"), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account")))]
async fn remove_member(
    State(app): State<Shared>,
    identity: Identity,
    address: Address,
    Path((class_id, student_id)): Path<(Uuid, String)>,
) -> Result<StatusCode, Problem> {
    if identity.user_id != student_id {
        app.taught(&identity, class_id).await?;
    }
    let removed = sqlx::query("DELETE FROM class_members WHERE class_id = $1 AND student_id = $2")
        .bind(class_id)
        .bind(student_id.replace('\0', ""))
        .execute(&app.db)
        .await?;
    if removed.rows_affected() == 0 {
        return Err(Problem::not_found("There is no such student in the class."));
    }
    if let Some(io) = app.sockets() {
        // Its teachers stop watching; a socket elsewhere does so when its token is renewed.
        let _ = io.within(class_room(class_id)).leave(student_room(&student_id)).await;
    }
    let detail = json!({ "class_id": class_id });
    app.audit(Some(&identity), address, Action::MemberRemoved, Some(&student_id), detail).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets another teacher teach a class too.
#[utoipa::path(put, path = "/api/classes/{id}/teachers/{user_id}", tag = "classes", security(("bearer" = [])),
    params(("id" = Uuid, Path), ("user_id" = String, Path)),
    responses((status = 204, description = "Done"), (status = 403, description = "Not for this account"), (status = 404, description = "No such class, or no such teacher")))]
async fn add_teacher(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    address: Address,
    Path((class_id, user_id)): Path<(Uuid, String)>,
) -> Result<StatusCode, Problem> {
    app.taught(&identity, class_id).await?;
    let known: bool = sqlx::query_scalar(
        "WITH teacher AS (SELECT user_id FROM users WHERE user_id = $2 AND role IN ('teacher', 'admin')),
              made AS (INSERT INTO class_teachers (class_id, user_id) SELECT $1, user_id FROM teacher
                       ON CONFLICT DO NOTHING)
         SELECT EXISTS (SELECT FROM teacher)",
    )
    .bind(class_id)
    .bind(user_id.replace('\0', ""))
    .fetch_one(&app.db)
    .await?;
    if !known {
        return Err(Problem::not_found("There is no teacher with this id."));
    }
    let detail = json!({ "class_id": class_id });
    app.audit(Some(&identity), address, Action::TeacherAdded, Some(&user_id), detail).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a teacher out of a class, though not the last one.
#[utoipa::path(delete, path = "/api/classes/{id}/teachers/{user_id}", tag = "classes", security(("bearer" = [])),
    params(("id" = Uuid, Path), ("user_id" = String, Path)),
    responses((status = 204, description = "Done"), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account"), (status = 409, description = "The last teacher")))]
async fn remove_teacher(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    address: Address,
    Path((class_id, user_id)): Path<(Uuid, String)>,
) -> Result<StatusCode, Problem> {
    app.taught(&identity, class_id).await?;
    let mut transaction = app.db.begin().await?;
    // Two teachers who remove each other wait here.
    sqlx::query("SELECT FROM classes WHERE class_id = $1 FOR UPDATE")
        .bind(class_id)
        .execute(&mut *transaction)
        .await?;
    let removed = sqlx::query("DELETE FROM class_teachers WHERE class_id = $1 AND user_id = $2")
        .bind(class_id)
        .bind(user_id.replace('\0', ""))
        .execute(&mut *transaction)
        .await?;
    if removed.rows_affected() == 0 {
        return Err(Problem::not_found("There is no such teacher in the class."));
    }
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM class_teachers WHERE class_id = $1")
        .bind(class_id)
        .fetch_one(&mut *transaction)
        .await?;
    if left == 0 {
        return Err(Problem::reject(
            StatusCode::CONFLICT,
            "A class needs a teacher: let another one teach it first, or delete the class.",
        ));
    }
    transaction.commit().await?;
    if let Some(io) = app.sockets() {
        let _ = io.within(user_room(&user_id)).leave(class_room(class_id)).await;
    }
    let detail = json!({ "class_id": class_id });
    app.audit(Some(&identity), address, Action::TeacherRemoved, Some(&user_id), detail).await;
    Ok(StatusCode::NO_CONTENT)
}

impl App {
    /// The classes of somebody, one of them, or all there are.
    pub(crate) async fn classes(
        &self,
        identity: &Identity,
        all: bool,
        only: Option<Uuid>,
    ) -> Result<Vec<Class>, Problem> {
        Ok(sqlx::query_as(
            "SELECT c.class_id, c.name, c.created_at,
                    CASE WHEN mine.teaches THEN 'teacher' ELSE 'student' END AS role,
                    CASE WHEN mine.teaches THEN left(c.join_code, 4) || '-' || substr(c.join_code, 5) END
                        AS join_code,
                    (SELECT count(*) FROM class_members m WHERE m.class_id = c.class_id) AS members
               FROM classes c,
                    LATERAL (SELECT $2 AND ($3 OR EXISTS (SELECT FROM class_teachers t
                                     WHERE t.class_id = c.class_id AND t.user_id = $1)) AS teaches) mine
              WHERE ($4::uuid IS NULL OR c.class_id = $4)
                AND (mine.teaches OR EXISTS (SELECT FROM class_members m
                                              WHERE m.class_id = c.class_id AND m.student_id = $1))
           ORDER BY c.created_at, c.class_id",
        )
        .bind(&identity.user_id)
        .bind(identity.role >= Role::Teacher)
        .bind(all)
        .bind(only)
        .fetch_all(&self.db)
        .await?)
    }

    /// One class that the caller is in, or runs as an admin.
    pub(crate) async fn class(&self, identity: &Identity, class_id: Uuid) -> Result<Class, Problem> {
        let found = self.classes(identity, identity.role == Role::Admin, Some(class_id)).await?;
        found.into_iter().next().ok_or_else(|| Problem::not_found("You are in no class with this id."))
    }

    async fn set_code(
        &self,
        identity: &Identity,
        address: Address,
        class_id: Uuid,
        code: Option<String>,
    ) -> Result<Json<Class>, Problem> {
        self.taught(identity, class_id).await?;
        let action = if code.is_some() { Action::CodeRenewed } else { Action::CodeClosed };
        sqlx::query("UPDATE classes SET join_code = $2 WHERE class_id = $1")
            .bind(class_id)
            .bind(code)
            .execute(&self.db)
            .await?;
        self.audit(Some(identity), address, action, Some(&class_id.to_string()), json!({})).await;
        Ok(Json(self.class(identity, class_id).await?))
    }
}

fn checked_name(name: &str) -> Result<String, Problem> {
    let name = name.trim();
    if NAME_CHARS.contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        Ok(name.to_owned())
    } else {
        Err(Problem::reject(
            StatusCode::UNPROCESSABLE_ENTITY,
            "A class needs a name of 1 to 80 printable characters.",
        ))
    }
}

fn fresh_code() -> Result<String, Problem> {
    let mut random = [0; CODE_CHARS];
    getrandom::fill(&mut random).map_err(|error| Problem::bug(format!("random bytes: {error}")))?;
    Ok(random.iter().map(|byte| char::from(CODE_ALPHABET[usize::from(byte % 32)])).collect())
}

/// A code as it is stored, however it was typed.
fn normal_code(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).take(64).map(|c| c.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = fresh_code().unwrap();
        assert_eq!(code.len(), CODE_CHARS);
        let shown = format!(" {}-{} ", code[..4].to_lowercase(), &code[4..]);
        assert_eq!(normal_code(&shown), code);
        assert_ne!(fresh_code().unwrap(), code);
    }
}
