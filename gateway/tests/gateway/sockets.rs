//! Socket.IO with the client that browsers use (npm's socket.io-client, run by Node.js).

use std::{collections::BTreeSet, path::Path, time::Duration};

use learnflow_events::{
    Topic,
    payload::{MasteryUpdated, QueryFailed, StruggleLevel, StudentStruggling},
};
use learnflow_gateway::{Rate, token::Role};
use learnflow_testkit::wait_until;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    driver::Driver,
    harness::{DEADLINE, Harness, answer, begun, detail, event, json_answer, routed},
};

/// A row: an event with its arguments, and whether it is done for a student, a teacher and an admin.
type Row = (&'static str, Value, [bool; 3]);

/// Who may ask for what over Socket.IO. Nobody who is not logged in may ask for anything. An event of src/ without a row
/// fails the test.
#[tokio::test]
async fn every_event_has_its_callers() {
    let harness = Harness::start().await;
    let mut driver = Driver::start().await;
    let mine = harness.class("teacher", &["student"]).await;
    let theirs = harness.class("colleague", &["pupil"]).await;
    let turn = harness.receive("student", "why?").await;
    for role in Role::ALL {
        driver.connect(role.as_str(), &harness.url(""), &harness.token(role.as_str(), role)).await;
    }
    // Everybody may run programs; that of the student is the one that the rows type into.
    let run_id = Uuid::new_v4();
    let mut running = Vec::new();
    for id in [run_id, Uuid::new_v4(), Uuid::new_v4()] {
        let (pieces, response) = begun(id);
        harness.upstream.answer(response);
        running.push(pieces);
    }
    let renewed = harness.token("student", Role::Student);
    let table: Vec<Row> = vec![
        ("run-code", json!([{ "code": "print(1)" }]), [true, true, true]),
        ("stdin", json!([{ "run_id": run_id, "text": "x" }]), [true, false, false]),
        ("stdin", json!([{ "run_id": Uuid::now_v7(), "text": "x" }]), [false, false, false]),
        ("interrupt", json!([{ "run_id": run_id }]), [true, false, false]),
        ("interrupt", json!([{ "run_id": Uuid::now_v7() }]), [false, false, false]),
        ("submit-query", json!([{ "query_text": "why?" }]), [true, true, true]),
        ("submit-query", json!(["x"]), [false, false, false]),
        // A teacher may see a student's turn, but not speak for the student.
        ("feedback", json!([{ "query_id": turn, "helpful": true }]), [true, false, false]),
        ("feedback", json!([{ "query_id": Uuid::now_v7(), "helpful": true }]), [false, false, false]),
        ("authenticate", json!([{ "token": renewed }]), [true, false, false]),
        ("authenticate", json!([{ "token": "forged" }]), [false, false, false]),
        ("join-student", json!(["pupil"]), [false, false, true]),
        ("join-class", json!([mine]), [false, true, true]),
        ("join-class", json!([theirs]), [false, false, true]),
        ("join-class", json!(["x"]), [false, false, false]),
        ("since", json!([{ "seq": 0, "student_id": "pupil" }]), [false, false, true]),
        ("join-student", json!(["student"]), [true, true, true]),
        ("join-student", json!(["somebody"]), [false, true, true]),
        ("join-student", json!([{ "id": 7 }]), [false, false, false]),
        ("join-instructors", json!([]), [false, true, true]),
        ("since", json!([{ "seq": 0 }]), [true, true, true]),
        ("since", json!([{ "seq": 0, "student_id": "somebody" }]), [false, true, true]),
        ("since", json!(["x"]), [false, false, false]),
    ];
    let with_rows: BTreeSet<String> = table.iter().map(|(event, ..)| (*event).to_owned()).collect();
    assert_eq!(events_of_the_source(), with_rows, "every event has a row that says who may send it");
    let mut done_for_somebody = BTreeSet::new();
    for (event, args, expected) in table {
        let before = harness.upstream.seen().len();
        refused_to_nobody(&harness, event, &args).await;
        assert_eq!(harness.upstream.seen().len(), before, "{event} of nobody reached a service");
        for (role, allowed) in Role::ALL.into_iter().zip(expected) {
            let ack = driver.emit(role.as_str(), event, args.clone()).await;
            assert_eq!(ack["ok"], allowed, "{event} {args} as {role}: {ack}");
            assert_eq!(ack["problem"]["detail"].is_string(), !allowed, "{ack}");
            if allowed {
                done_for_somebody.insert(event.to_owned());
            }
        }
    }
    // A row that refuses everybody says nothing about who is logged in.
    assert_eq!(done_for_somebody, with_rows);
}

/// The events that the gateway's source listens to.
fn events_of_the_source() -> BTreeSet<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut events = BTreeSet::new();
    for file in std::fs::read_dir(source).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(path).unwrap();
            for rest in text.split("socket.on(").skip(1) {
                let event = rest.trim_start().strip_prefix('"').expect("an event's name is a literal");
                events.insert(event.split('"').next().unwrap().to_owned());
            }
        }
    }
    events
}

/// Sends an event over a session that has not logged in, by hand since no client does that (Socket.IO protocol 5 over
/// Engine.IO 4, long polling): the session ends, and nothing is acknowledged.
async fn refused_to_nobody(harness: &Harness, event: &str, args: &Value) {
    let polling = harness.url("/socket.io/?EIO=4&transport=polling");
    let opened = harness.client.get(&polling).send().await.unwrap().text().await.unwrap();
    let opened: Value = serde_json::from_str(opened.strip_prefix('0').unwrap()).unwrap();
    let session = format!("{polling}&sid={}", opened["sid"].as_str().unwrap());
    let mut packet = vec![json!(event)];
    packet.extend(args.as_array().unwrap().iter().cloned());
    let sent =
        harness.client.post(&session).body(format!("420{}", Value::Array(packet))).send().await.unwrap();
    let mut answers = sent.text().await.unwrap();
    let over = wait_until(DEADLINE, async || {
        let polled = harness.client.get(&session).send().await.unwrap();
        let over = !polled.status().is_success();
        answers.push_str(&polled.text().await.unwrap());
        over.then_some(())
    });
    over.await;
    assert!(!answers.contains("430"), "{event} of nobody was acknowledged: {answers}");
}

#[tokio::test]
async fn a_handshake_needs_a_token_and_a_page_of_ours() {
    let harness = Harness::start().await;
    let mut driver = Driver::start().await;
    let url = harness.url("");
    let token = harness.token("ada", Role::Student);
    let websocket = json!(["websocket"]);
    for (socket, options, expected) in [
        ("none", json!({}), "Send the access token as auth: { token }."),
        (
            "forged",
            json!({ "auth": { "token": "a.b.c" } }),
            "Log in again: the token is not valid: it is not a JWT.",
        ),
        (
            "foreign",
            json!({ "auth": { "token": token }, "transports": websocket, "extraHeaders": { "origin": "https://evil.example" } }),
            "websocket error",
        ),
    ] {
        driver.connect_with(socket, &url, options).await;
        assert_eq!(driver.event(socket, "connect_error").await, expected);
    }
    for transport in ["websocket", "polling"] {
        let options = json!({ "auth": { "token": token }, "transports": [transport] });
        driver.connect_with(transport, &url, options).await;
        assert_eq!(driver.event(transport, "connect").await["transport"], transport);
    }
}

#[tokio::test]
async fn an_address_opens_so_many_sockets_and_keeps_those_it_has() {
    let harness = Harness::start_with(|config| config.rates.handshakes = Rate::new(2, 1)).await;
    let mut driver = Driver::start().await;
    let token = harness.token("ada", Role::Student);
    for (socket, transport) in [("a", "websocket"), ("b", "polling")] {
        let options = json!({ "auth": { "token": token }, "transports": [transport] });
        driver.connect_with(socket, &harness.url(""), options).await;
        driver.event(socket, "connect").await;
    }
    let opened = harness.client.get(harness.url("/socket.io/?EIO=4&transport=polling")).send().await.unwrap();
    assert_eq!(opened.status(), 429);
    assert!(opened.headers().contains_key("retry-after"));
    assert_eq!(opened.headers()["ratelimit-limit"], "2");
    assert!(detail(opened).await.starts_with("Too many requests; try again in "));
    let options = json!({ "auth": { "token": token }, "transports": ["websocket"], "reconnection": false });
    driver.connect_with("refused", &harness.url(""), options).await;
    assert_eq!(driver.event("refused", "connect_error").await, "websocket error");
    // What goes on over the sockets that are open, polling included, opens none.
    for socket in ["a", "b"] {
        for _ in 0..3 {
            assert_eq!(driver.emit(socket, "join-student", json!(["ada"])).await["ok"], true, "{socket}");
        }
    }
}

#[tokio::test]
async fn a_user_has_so_many_sockets_and_gets_the_place_of_a_closed_one_back() {
    let harness = Harness::start_with(|config| config.sockets_per_user = 2).await;
    let mut driver = Driver::start().await;
    let url = harness.url("");
    let token = harness.token("ada", Role::Student);
    for socket in ["a", "b"] {
        driver.connect(socket, &url, &token).await;
    }
    driver.connect_with("c", &url, json!({ "auth": { "token": token } })).await;
    assert_eq!(
        driver.event("c", "connect_error").await,
        "You have 2 connections open, which is all you may have; close a page first."
    );
    driver.connect("other", &url, &harness.token("bob", Role::Student)).await;
    driver.send(&json!({ "do": "disconnect", "socket": "a" })).await;
    for attempt in 0.. {
        assert!(attempt < 1_000, "the place is not free");
        let socket = format!("again-{attempt}");
        driver.connect_with(&socket, &url, json!({ "auth": { "token": token } })).await;
        let answer = driver
            .report("an answer", |report| {
                report["socket"] == socket && report["event"].as_str().unwrap().starts_with("connect")
            })
            .await;
        if answer["event"] == "connect" {
            break;
        }
    }
    assert_eq!(driver.emit("b", "join-student", json!(["ada"])).await["ok"], true);
}

#[tokio::test]
async fn a_deleted_account_has_no_socket_and_submits_nothing_on_any_replica() {
    let harness = Harness::start().await;
    let quick = harness
        .another_replica_with(|config| {
            config.replica_id = "quick".to_owned();
            config.sweep.every = Duration::from_millis(50);
        })
        .await;
    // It sweeps once, when it starts.
    let slow = harness
        .another_replica_with(|config| {
            config.replica_id = "slow".to_owned();
            config.sweep.every = Duration::from_secs(3600);
        })
        .await;
    let metrics = format!("http://{}/metrics", slow.address());
    wait_until(DEADLINE, async || {
        let text = harness.client.get(&metrics).send().await.unwrap().text().await.unwrap();
        text.contains("gateway_sweeps_total 1").then_some(())
    })
    .await;
    let mut driver = Driver::start().await;
    let token = harness.token("ada", Role::Student);
    let elsewhere = [&quick, &slow].map(|gateway| format!("http://{}", gateway.address()));
    // None of them has joined a room.
    for (socket, url) in
        [("here", harness.url("")), ("quick", elsewhere[0].clone()), ("slow", elsewhere[1].clone())]
    {
        driver.connect(socket, &url, &token).await;
    }
    driver.connect("teacher", &harness.url(""), &harness.token("teacher", Role::Teacher)).await;
    assert_eq!(driver.emit("teacher", "join-student", json!(["ada"])).await["ok"], true);
    assert_eq!(driver.emit("slow", "submit-query", json!([{ "query_text": "why?" }])).await["ok"], true);

    assert_eq!(harness.post("ada", "/api/me/delete", &json!({ "confirm": true })).await.status(), 204);
    for socket in ["here", "quick"] {
        assert_eq!(driver.event(socket, "disconnect").await, "io server disconnect", "{socket}");
    }
    // Where the socket is still open, nothing is taken from it, and nothing reaches a service.
    let before = harness.upstream.seen().len();
    for (event, data) in
        [("submit-query", json!([{ "query_text": "why?" }])), ("run-code", json!([{ "code": "1" }]))]
    {
        let ack = driver.emit("slow", event, data).await;
        assert_eq!(ack["problem"]["status"], 401, "{event}: {ack}");
    }
    let asked = harness
        .client
        .post(format!("{}/api/triage/analyze", elsewhere[1]))
        .bearer_auth(&token)
        .json(&json!({ "query_text": "why?" }));
    assert_eq!(asked.send().await.unwrap().status(), 401);
    assert_eq!(harness.upstream.seen().len(), before);
    // Whoever watched is not cut, but hears nothing more.
    assert_eq!(driver.emit("teacher", "join-instructors", json!([])).await["ok"], true);
    let turn = Uuid::now_v7();
    harness.append(Topic::AGENT_RESPONSES, &event("ada", turn, answer(turn, "Late."))).await;
    harness.append(Topic::TRIAGE_ROUTING, &event("bob", turn, routed(turn))).await;
    driver.event("teacher", "agent-status").await;
    assert!(!driver.unasked("teacher").contains(&"agent-response".to_owned()));
    quick.shutdown().await;
    slow.shutdown().await;
}

#[tokio::test]
async fn events_reach_the_rooms_that_they_are_for_on_every_replica() {
    let harness = Harness::start().await;
    let second = harness.another_replica().await;
    let second_url = format!("http://{}", second.address());

    let mut driver = Driver::start().await;
    driver.connect("ada", &harness.url(""), &harness.token("ada", Role::Student)).await;
    driver.connect("ada-elsewhere", &second_url, &harness.token("ada", Role::Student)).await;
    driver.connect("bob", &harness.url(""), &harness.token("bob", Role::Student)).await;
    driver.connect("teacher", &second_url, &harness.token("teacher", Role::Teacher)).await;
    for socket in ["ada", "ada-elsewhere"] {
        driver.emit(socket, "join-student", json!(["ada"])).await;
    }
    driver.emit("bob", "join-student", json!(["bob"])).await;
    driver.emit("teacher", "join-instructors", json!([])).await;

    let turn = harness.receive("ada", "why?").await;
    harness.append(Topic::TRIAGE_ROUTING, &event("ada", turn, routed(turn))).await;
    harness.append(Topic::AGENT_RESPONSES, &event("ada", turn, answer(turn, "Because."))).await;
    let failed = QueryFailed {
        query_id: turn,
        message: "sorry".to_owned(),
        dead_letter_id: Uuid::nil(),
        failed_at: chrono::Utc::now(),
    };
    harness.append(Topic::AGENT_RESPONSES, &event("ada", turn, failed)).await;
    let mastery =
        MasteryUpdated { query_id: Some(turn), changes: Vec::new(), achievements: vec!["first".to_owned()] };
    harness.append(Topic::MASTERY_UPDATES, &event("ada", turn, mastery)).await;
    let struggle = StudentStruggling {
        topic: "lists".to_owned(),
        struggle_level: StruggleLevel::High,
        recommendation: "Talk.".to_owned(),
        context: "Asked three times.".to_owned(),
        turns: vec![turn],
        runs: Vec::new(),
    };
    harness.append(Topic::STUDENT_STRUGGLE, &event("ada", turn, struggle)).await;

    for socket in ["ada", "ada-elsewhere"] {
        let log = driver.event(socket, "agent-log").await;
        assert_eq!((&log["message"], &log["query_id"]), (&json!("Routing to debug"), &json!(turn)));
        let response = driver.event(socket, "agent-response").await;
        assert_eq!(
            (&response["response_text"], &response["student_id"]),
            (&json!("Because."), &json!("ada"))
        );
        assert!(response["timestamp"].is_string() && response["event_id"].is_string(), "{response}");
        driver.event(socket, "query-failed").await;
        driver.event(socket, "mastery-update").await;
    }
    driver.event("teacher", "mastery-update").await;
    let alert = driver.event("teacher", "student-struggle").await;
    assert_eq!((&alert["struggle_level"], &alert["student_id"]), (&json!("high"), &json!("ada")));

    // Everything that was sent has arrived; a last event proves it for those who should have got nothing.
    let marker = harness.receive("bob", "mine").await;
    harness.append(Topic::AGENT_RESPONSES, &event("bob", marker, answer(marker, "Yours."))).await;
    assert_eq!(driver.event("bob", "agent-response").await["response_text"], "Yours.");
    for socket in ["ada", "ada-elsewhere", "bob", "teacher"] {
        for status in ["active", "idle"] {
            let told = driver.event(socket, "agent-status").await;
            assert_eq!((&told["agent"], &told["status"]), (&json!("debug"), &json!(status)));
        }
        assert_eq!(driver.unasked(socket), Vec::<String>::new(), "{socket}");
    }
    second.shutdown().await;
}

#[tokio::test]
async fn a_browser_submits_and_resumes_after_a_cut() {
    let harness = Harness::start().await;
    let mut driver = Driver::start().await;
    driver.connect("ada", &harness.url(""), &harness.token("ada", Role::Student)).await;
    driver.emit("ada", "join-student", json!(["ada"])).await;

    harness.upstream.answer(json_answer(http::StatusCode::ACCEPTED, &json!({ "query_id": "q", "seq": 1 })));
    let message = json!([{ "query_text": "why?", "code": "print(x)", "idempotency_key": "k" }]);
    let ack = driver.emit("ada", "submit-query", message).await;
    assert_eq!(ack, json!({ "ok": true, "data": { "query_id": "q", "seq": 1 } }));
    let seen = harness.upstream.last();
    assert_eq!(
        (seen.path.as_str(), seen.header("x-learnflow-student"), seen.header("idempotency-key")),
        ("/triage/analyze", Some("ada"), Some("k"))
    );
    assert_eq!(seen.json(), json!({ "query_text": "why?", "code": "print(x)" }));

    let problem = json!({ "status": 422, "detail": "query_text is empty" });
    harness.upstream.answer(json_answer(http::StatusCode::UNPROCESSABLE_ENTITY, &problem));
    let refused = driver.emit("ada", "submit-query", json!([{ "query_text": "" }])).await;
    assert_eq!(refused["problem"]["detail"], "query_text is empty");

    let first = harness.receive("ada", "one").await;
    harness.commit(&answer(first, "One.")).await;
    harness.append(Topic::AGENT_RESPONSES, &event("ada", first, answer(first, "One."))).await;
    assert_eq!(driver.event("ada", "agent-response").await["response_text"], "One.");

    driver.send(&json!({ "do": "cut", "socket": "ada" })).await;
    driver.event("ada", "disconnect").await;
    let second = harness.receive("ada", "two").await;
    harness.commit(&answer(second, "Two.")).await;
    let third = harness.receive("ada", "three").await;
    driver.event("ada", "connect").await;
    driver.emit("ada", "join-student", json!(["ada"])).await;
    let missed = driver.emit("ada", "since", json!([{ "seq": 1 }])).await;
    let turns = missed["data"]["turns"].as_array().unwrap();
    assert_eq!(turns.len(), 2);
    assert_eq!(
        (&turns[0]["query_id"], &turns[0]["answer"]["response_text"]),
        (&json!(second), &json!("Two."))
    );
    assert_eq!((&turns[1]["query_id"], &turns[1]["status"]), (&json!(third), &json!("received")));

    harness.commit(&answer(third, "Three.")).await;
    harness.append(Topic::AGENT_RESPONSES, &event("ada", third, answer(third, "Three."))).await;
    assert_eq!(driver.event("ada", "agent-response").await["response_text"], "Three.");
    assert_eq!(driver.unasked("ada"), Vec::<String>::new());
}

/// What a page does: it remembers how far it has every answer, and asks for the rest when it is connected again.
#[tokio::test]
async fn nothing_is_missed_or_doubled_across_cuts_on_either_transport_and_replica() {
    const TURNS: usize = 60;
    let harness = Harness::start().await;
    let second = harness.another_replica().await;
    let urls = [harness.url(""), format!("http://{}", second.address())];
    let mut driver = Driver::start().await;
    for (page, transport) in [("a", "websocket"), ("b", "polling")] {
        let student = format!("ada-{transport}");
        driver
            .send(&json!({
                "do": "page", "socket": page, "urls": urls, "student": student,
                "options": { "auth": { "token": harness.token(&student, Role::Student) }, "transports": [transport] },
            }))
            .await;
        driver.event(page, "joined").await;
    }
    for number in 0..TURNS {
        for student in ["ada-websocket", "ada-polling"] {
            let turn = harness.receive(student, "why?").await;
            let text = format!("Answer {number}.");
            let answer = learnflow_events::payload::AgentResponded {
                seq: i64::try_from(number).unwrap() + 1,
                ..answer(turn, &text)
            };
            harness.commit(&answer).await;
            harness.append(Topic::AGENT_RESPONSES, &event(student, turn, answer)).await;
        }
        if number % 10 == 5 {
            for page in ["a", "b"] {
                // It has to be back from the last cut for this one to cut anything.
                wait_until(DEADLINE, async || {
                    let shown = driver.emit(page, "shown", json!([])).await;
                    (shown["connections"] == number / 10 + 1).then_some(())
                })
                .await;
                // Alternately a lost network, and a replica that is left for the other one.
                let how = if number % 20 == 5 { "cut" } else { "move" };
                driver.send(&json!({ "do": how, "socket": page })).await;
            }
        }
    }
    let expected: Vec<String> = (0..TURNS).map(|number| format!("Answer {number}.")).collect();
    for page in ["a", "b"] {
        let shown = wait_until(DEADLINE, async || {
            let shown = driver.emit(page, "shown", json!([])).await;
            (shown["texts"].as_array().unwrap().len() >= TURNS).then_some(shown)
        })
        .await;
        assert_eq!(shown["texts"], json!(expected), "{page}");
        assert_eq!(shown["doubled"], 0, "{page}: events that one connection brought twice");
        assert_eq!(shown["connections"], 7, "{page}");
    }
    second.shutdown().await;
}

#[tokio::test]
async fn a_program_is_watched_typed_into_and_stopped() {
    let harness = Harness::start().await;
    let mut driver = Driver::start().await;
    for student in ["ada", "bob"] {
        driver.connect(student, &harness.url(""), &harness.token(student, Role::Student)).await;
    }
    let run_id = Uuid::new_v4();
    let (pieces, response) = begun(run_id);
    harness.upstream.answer(response);
    // As the web app does it: the trace is an argument after the data.
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let ack = driver.emit("ada", "run-code", json!([{ "code": "print(input())" }, traceparent])).await;
    assert_eq!(ack["data"]["run_id"], json!(run_id));
    let seen = harness.upstream.last();
    assert_eq!((seen.path.as_str(), seen.header("accept")), ("/sandbox/run", Some("text/event-stream")));
    pieces.send("event: output\ndata: {\"stream\":\"stdout\",\"text\":\"? \"}\n\n".to_owned()).unwrap();
    let output = driver.event("ada", "code-output").await;
    assert_eq!(output, json!({ "run_id": run_id, "stream": "stdout", "text": "? " }));

    let typed = json!([{ "run_id": run_id, "text": "hello" }]);
    assert_eq!(driver.emit("bob", "stdin", typed.clone()).await["problem"]["status"], 404);
    assert_eq!(driver.emit("ada", "stdin", typed).await["ok"], true);
    let seen = harness.upstream.last();
    assert_eq!(seen.path, format!("/sandbox/runs/{run_id}/stdin"));
    assert_eq!(seen.json(), json!({ "text": "hello", "eof": false }));
    assert_eq!(driver.emit("ada", "interrupt", json!([{ "run_id": run_id }])).await["ok"], true);
    assert_eq!(harness.upstream.last().path, format!("/sandbox/runs/{run_id}/interrupt"));

    pieces.send("event: report\ndata: {\"outcome\":\"interrupted\"}\n\n".to_owned()).unwrap();
    drop(pieces);
    let report = driver.event("ada", "code-output").await;
    assert_eq!(report, json!({ "run_id": run_id, "report": { "outcome": "interrupted" } }));
    wait_until(DEADLINE, async || {
        let late = driver.emit("ada", "interrupt", json!([{ "run_id": run_id }])).await;
        (late["problem"]["status"] == 404).then_some(())
    })
    .await;
    assert_eq!(driver.unasked("bob"), Vec::<String>::new());
}

#[tokio::test]
async fn a_socket_lives_as_long_as_its_token() {
    let harness = Harness::start().await;
    let mut driver = Driver::start().await;
    let short = harness.token_for("ada", Role::Student, Duration::from_secs(5));
    driver.connect("cut", &harness.url(""), &short).await;
    driver.connect("renewed", &harness.url(""), &short).await;
    let longer = harness.token("ada", Role::Student);
    assert_eq!(driver.emit("renewed", "authenticate", json!([{ "token": longer }])).await["ok"], true);
    let other = harness.token("bob", Role::Student);
    assert_eq!(driver.emit("renewed", "authenticate", json!([{ "token": other }])).await["ok"], false);
    assert_eq!(driver.event("cut", "disconnect").await, "io server disconnect");
    assert_eq!(driver.emit("renewed", "join-student", json!(["ada"])).await["ok"], true);
}
