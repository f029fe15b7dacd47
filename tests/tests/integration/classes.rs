//! A class of its own through the real parts: an exercise that a teacher writes is tried in the sandbox, set and graded
//! like the bank's.

use std::time::Duration;

use anyhow::{Context, ensure};
use learnflow_events::ids;
use learnflow_gateway::token::{self, Role};
use learnflow_tests::{Backend, System};
use reqwest::Method;
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(60);

async fn call(
    system: &System,
    token: &str,
    method: Method,
    path: &str,
    body: &Value,
) -> anyhow::Result<(u16, Value)> {
    let url = format!("{}{path}", system.running.gateway_url);
    let mut request = system.http.request(method.clone(), url).bearer_auth(token);
    if method != Method::GET {
        request = request.json(body);
    }
    let response = request.send().await?;
    let status = response.status().as_u16();
    Ok((status, serde_json::from_str(&response.text().await?).unwrap_or_default()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teachers_exercise_is_verified_set_and_graded() -> anyhow::Result<()> {
    let system = System::start(Backend::Embedded).await?;
    let teacher = token::mint(
        &system.running.signing_key_file,
        &ids::student_of_name("grace").to_string(),
        "grace",
        Role::Teacher,
        Duration::from_secs(3600),
    )?;
    let student = system.token("ada")?;
    let (_, class) =
        call(&system, &teacher, Method::POST, "/api/classes", &json!({ "name": "First" })).await?;
    let code = json!({ "code": class["join_code"] });
    let (status, _) = call(&system, &student, Method::POST, "/api/classes/join", &code).await?;
    ensure!(status == 200, "joining: {status}");

    let path =
        format!("/api/instructor/classes/{}/exercises", class["class_id"].as_str().context("a class")?);
    let mut draft = json!({
        "title": "Four times", "topics": ["functions"], "difficulty": "beginner",
        "statement": "Write `four_times(n)`.", "starter": "def four_times(n):\n    pass\n",
        "solution": "def four_times(n):\n    return 4 * n\n", "hints": ["Multiply.", "By four.", "4 * n"],
        "tests": "call", "shown": [{ "given": "four_times(1)", "expected": "4" }],
        "hidden": [{ "given": "four_times(25)", "expected": "100" }],
        "wrong": [{ "code": "def four_times(n):\n    return 4\n", "misconception": "It forgets the argument." }],
    });
    // The shown test alone does not tell the wrong answer from the right one.
    draft["hidden"][0] = json!({ "given": "four_times(1) + 0", "expected": "4" });
    let (status, refused) = call(&system, &teacher, Method::POST, &path, &draft).await?;
    ensure!(status == 422 && refused["verification"]["checks"][2]["ok"] == false, "{refused}");
    draft["hidden"][0] = json!({ "given": "four_times(25)", "expected": "100" });
    let (status, made) = call(&system, &teacher, Method::POST, &path, &draft).await?;
    ensure!(status == 201, "{made}");
    let id = made["exercise_id"].as_str().context("an id")?;

    // Nobody else can hand it in.
    let submission = |code: &str| json!({ "query_text": "Check it.", "route": "exercise", "exercise_id": id, "code": code });
    let strange = system.ask("bob", &submission("def four_times(n):\n    return 4 * n\n")).await?;
    let strange = system.finished_turn(strange, DEADLINE).await?;
    ensure!(strange["evidence"]["passed"] != true, "{strange}");

    let wrong = system.ask("ada", &submission("def four_times(n):\n    return 4\n")).await?;
    let wrong = system.finished_turn(wrong, DEADLINE).await?;
    ensure!(wrong["evidence"]["passed"] == false && wrong["evidence"]["tests_passed"] == 1, "{wrong}");
    ensure!(wrong["evidence"]["misconception"] == "It forgets the argument.", "{wrong}");
    ensure!(!wrong["response_text"].to_string().contains("four_times(25)"), "{wrong}");
    let right = system.ask("ada", &submission("def four_times(n):\n    return n * 4\n")).await?;
    let right = system.finished_turn(right, DEADLINE).await?;
    ensure!(right["evidence"]["passed"] == true, "{right}");
    let (_, shown) =
        call(&system, &student, Method::GET, &format!("/api/exercises/{id}"), &Value::Null).await?;
    ensure!(shown["state"] == "passed" && shown["attempts"] == 2, "{shown}");
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}
