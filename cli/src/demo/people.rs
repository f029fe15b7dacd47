//! The demo's accounts and class, made through the gateway as people make them.

use std::time::Duration;

use anyhow::{Context, bail};
use learnflow_gateway::token::Role;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::{
    cast::{ADMIN, CLASS, Student, TEACHER, self_learner, students},
    course,
};
use crate::{commands::connect, installation::Running};

/// A student with an account.
pub struct Enrolled {
    /// Who.
    pub student: Student,
    /// The account.
    pub user_id: String,
}

/// Somebody who is logged in.
pub struct Login {
    user_id: String,
    token: String,
}

/// The gateway, as people use it.
pub struct Gateway<'a> {
    http: Client,
    url: &'a str,
    password: &'a str,
}

/// Makes whoever is missing, and returns everybody who learns.
pub async fn gather(running: &Running, password: &str) -> anyhow::Result<Vec<Enrolled>> {
    let gateway = Gateway::new(running, password)?;
    let database = connect(&running.database_url).await?;
    gateway.account(TEACHER.0, TEACHER.1).await?;
    gateway.account(ADMIN.0, ADMIN.1).await?;
    promote(&database, TEACHER.1, Role::Teacher).await?;
    promote(&database, ADMIN.1, Role::Admin).await?;
    // The role is in the token, so it takes a new one.
    let teacher = gateway.account(TEACHER.0, TEACHER.1).await?;
    let code = gateway.class(&teacher).await?;
    let mut everybody = Vec::new();
    for student in students() {
        let login = gateway.account(student.name, &student.email()).await?;
        let joined =
            gateway.call(Method::POST, "/api/classes/join", &login, &json!({ "code": code })).await?;
        if !joined.status().is_success() && joined.status() != StatusCode::CONFLICT {
            return Err(refused(joined).await);
        }
        everybody.push(Enrolled { student, user_id: login.user_id });
    }
    let student = self_learner();
    let login = gateway.account(student.name, &student.email()).await?;
    everybody.push(Enrolled { student, user_id: login.user_id });
    Ok(everybody)
}

/// Does what the teacher did after the fortnight.
pub async fn look_after(running: &Running, password: &str) -> anyhow::Result<()> {
    let gateway = Gateway::new(running, password)?;
    let teacher = gateway.account(TEACHER.0, TEACHER.1).await?;
    course::look_after(&gateway, &teacher).await
}

async fn promote(database: &PgPool, email: &str, role: Role) -> anyhow::Result<()> {
    sqlx::query("UPDATE users SET role = $2 WHERE email = $1")
        .bind(email)
        .bind(role.as_str())
        .execute(database)
        .await?;
    Ok(())
}

impl<'a> Gateway<'a> {
    fn new(running: &'a Running, password: &'a str) -> anyhow::Result<Self> {
        Ok(Self { http: Client::builder().build()?, url: &running.gateway_url, password })
    }

    /// Registers somebody, or logs in who is there already.
    async fn account(&self, name: &str, email: &str) -> anyhow::Result<Login> {
        let registration = json!({ "email": email, "password": self.password, "name": name });
        let mut response = self.enter("register", &registration).await?;
        if response.status() == StatusCode::CONFLICT {
            let credentials = json!({ "email": email, "password": self.password });
            response = self.enter("login", &credentials).await?;
        }
        if response.status() == StatusCode::UNAUTHORIZED {
            bail!("{email} has an account with another password; use another --data-dir for a demo");
        }
        if !response.status().is_success() {
            return Err(refused(response).await);
        }
        let session: Value = response.json().await?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context("a session names its user");
        Ok(Login { user_id: text(&session["user"]["user_id"])?, token: text(&session["access_token"])? })
    }

    /// Asks for a login, and waits as long as the gateway wants when these are too many.
    async fn enter(&self, how: &str, body: &Value) -> anyhow::Result<Response> {
        loop {
            let response = self.http.post(format!("{}/api/auth/{how}", self.url)).json(body).send().await?;
            let wait_s = response
                .headers()
                .get("retry-after")
                .and_then(|seconds| seconds.to_str().ok()?.parse().ok())
                .filter(|_| response.status() == StatusCode::TOO_MANY_REQUESTS);
            let Some(wait_s) = wait_s else { return Ok(response) };
            tokio::time::sleep(Duration::from_secs(wait_s)).await;
        }
    }

    /// Makes the class with what its teacher has prepared, and returns its join code.
    async fn class(&self, teacher: &Login) -> anyhow::Result<String> {
        let classes = self.answer(Method::GET, "/api/classes", teacher, &Value::Null).await?;
        let known = classes["classes"].as_array().into_iter().flatten().find(|class| class["name"] == CLASS);
        let class = match known {
            Some(class) => class.clone(),
            None => self.answer(Method::POST, "/api/classes", teacher, &json!({ "name": CLASS })).await?,
        };
        course::prepare(self, teacher, class["class_id"].as_str().context("a class has an id")?).await?;
        class["join_code"].as_str().map(str::to_owned).context("the class has no join code")
    }

    /// What a call answers that must not be refused.
    pub async fn answer(
        &self,
        method: Method,
        path: &str,
        login: &Login,
        body: &Value,
    ) -> anyhow::Result<Value> {
        let response = self.call(method, path, login, body).await?;
        if !response.status().is_success() {
            return Err(refused(response).await);
        }
        Ok(response.json().await?)
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        login: &Login,
        body: &Value,
    ) -> anyhow::Result<Response> {
        let mut request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&login.token);
        if !body.is_null() {
            request = request.json(body);
        }
        Ok(request.send().await?)
    }
}

async fn refused(response: Response) -> anyhow::Error {
    let (status, url) = (response.status(), response.url().clone());
    anyhow::anyhow!("{url} answered {status}: {}", response.text().await.unwrap_or_default())
}
