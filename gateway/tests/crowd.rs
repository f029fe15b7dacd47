//! A school's worth of browsers on one gateway. Alone in its program, so that it runs alone.

#[expect(dead_code, reason = "shared with the other tests, which use more of it")]
#[path = "gateway/driver.rs"]
mod driver;
#[expect(dead_code, reason = "shared with the other tests, which use more of it")]
#[path = "gateway/harness.rs"]
mod harness;

use std::time::Duration;

use futures::{StreamExt, stream};
use learnflow_events::Topic;
use learnflow_gateway::token::Role;
use learnflow_testkit::wait_until;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    driver::Driver,
    harness::{Harness, answer, event, routed},
};

const BROWSERS: usize = 2_000;
const DEADLINE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_browsers_get_their_own_answers_and_nobody_elses() {
    learnflow_gateway::raise_file_limit();
    let harness = Harness::start().await;
    let mut driver = Driver::start().await;
    let students: Vec<String> = (0..BROWSERS).map(|number| format!("student-{number}")).collect();
    let logins: Vec<(&String, String)> =
        students.iter().map(|student| (student, harness.token(student, Role::Student))).collect();
    driver
        .send(&json!({ "do": "crowd", "socket": "crowd", "url": harness.url(""), "students": logins }))
        .await;
    driver.event_within("crowd", "joined", DEADLINE).await;

    // An answer for each, as many at a time as a busy school has, and one event that everybody hears.
    stream::iter(&students)
        .for_each_concurrent(16, async |student| {
            let turn = Uuid::now_v7();
            let text = format!("For {student}.");
            harness.append(Topic::AGENT_RESPONSES, &event(student, turn, answer(turn, &text))).await;
        })
        .await;
    let turn = Uuid::now_v7();
    harness.append(Topic::TRIAGE_ROUTING, &event("student-0", turn, routed(turn))).await;

    let shown: Value = wait_until(DEADLINE, async || {
        let shown = driver.emit("crowd", "shown", json!([])).await;
        let all = shown["received"].as_object().unwrap().len() == BROWSERS
            && shown["statuses"].as_u64().unwrap() >= BROWSERS as u64;
        all.then_some(shown)
    })
    .await;
    assert_eq!((&shown["connected"], &shown["statuses"]), (&json!(BROWSERS), &json!(BROWSERS)));
    for student in &students {
        assert_eq!(shown["received"][student], json!([format!("For {student}.")]), "{student}");
    }
    // Whoever comes now is served as well.
    assert_eq!(harness.get("student-0", "/api/me").await.status(), 200);
}
