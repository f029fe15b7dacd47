//! Socket.IO: rooms, and what browsers may ask for.
//!
//! A socket logs in with `auth: { token }` in its handshake and is cut when its token expires, unless it has sent
//! a newer one (`authenticate`), and when its account is deleted. Nothing is kept for a browser that is away: after a
//! reconnect it sends `since` with the number up to which it has every answer, and gets what it missed from PostgreSQL.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use learnflow_events::{code::RunRequest, limits::BODY_BYTES, payload::QuerySubmitted};
use serde::Deserialize;
use serde_json::{Value, json};
use socketioxide::{
    SocketIo,
    extract::{AckSender, Extension, SocketRef, State, TryData},
    handler::ConnectHandler,
    layer::SocketIoLayer,
};
use tracing::{Instrument, Span};
use uuid::Uuid;

use crate::{
    app::{App, Shared},
    connections::Seat,
    history::Feedback,
    identity::Identity,
    live_run::Runs,
    problem::Problem,
    security::is_allowed_origin,
    socket_span::{self, Traced},
    token::Role,
    turns::{Turn, TurnRow, turn_columns},
};

/// The room of all teachers and admins: what happens to students who are in no class.
pub(crate) const INSTRUCTORS: &str = "instructors";
/// The room of admins, who look after everybody.
const ADMINS: &str = "admins";
/// The room of everybody.
pub(crate) const GLOBAL: &str = "global";
/// Packets that may wait for a slow browser; then it loses events and has to resume.
const BUFFERED: usize = 1024;
/// Most turns that one `since` returns.
const RESUMED: i64 = 100;

/// The room of a student.
pub(crate) fn student_room(student_id: &str) -> String {
    format!("student:{student_id}")
}

/// The room of a class's teachers.
pub(crate) fn class_room(class_id: Uuid) -> String {
    format!("class:{class_id}")
}

/// The room of one user's own sockets, whatever else they joined.
pub(crate) fn user_room(user_id: &str) -> String {
    format!("user:{user_id}")
}

/// The Socket.IO server, at `/socket.io/`.
pub(crate) fn server(app: Shared) -> (SocketIoLayer, SocketIo) {
    let (layer, io) = SocketIo::builder()
        .max_payload(BODY_BYTES as u64)
        .ws_max_message_size(BODY_BYTES)
        .ws_max_frame_size(BODY_BYTES)
        .max_buffer_size(BUFFERED)
        .ping_interval(Duration::from_secs(20))
        .with_state(app)
        .build_layer();
    io.ns("/", connected.with(log_in));
    (layer, io)
}

/// What a socket is allowed to do, and until when.
#[derive(Clone)]
struct Login {
    identity: Identity,
    expires_at_s: Arc<AtomicU64>,
    runs: Runs,
}

#[derive(Deserialize)]
struct Handshake {
    token: String,
}

/// Middleware of the handshake. The client sees the error's text as `connect_error`.
async fn log_in(
    socket: SocketRef,
    State(app): State<Shared>,
    TryData(handshake): TryData<Handshake>,
) -> Result<(), String> {
    if !is_allowed_origin(&app.config, &socket.req_parts().headers) {
        return Err("This page may not connect here.".to_owned());
    }
    let handshake = handshake.map_err(|_| "Send the access token as auth: { token }.".to_owned())?;
    let identity = app.authenticate(&handshake.token).await.map_err(|problem| sentence(&problem))?;
    let seat = app.connections.take(&identity.user_id, app.config.sockets_per_user);
    socket.extensions.insert(Arc::new(seat.map_err(|problem| sentence(&problem))?));
    let expires_at_s = Arc::new(AtomicU64::new(identity.expires_at_s));
    socket.extensions.insert(Login { identity, expires_at_s, runs: Runs::default() });
    // Here, since a client may ask as soon as it knows that it is connected, before `connected` is called; what has no
    // handler yet would never be answered.
    socket.on("authenticate", authenticate);
    socket.on("join-student", join_student);
    socket.on("join-instructors", join_instructors);
    socket.on("join-class", join_class);
    socket.on("submit-query", submit_query);
    socket.on("feedback", feedback);
    socket.on("since", since);
    socket.on("run-code", run_code);
    socket.on("stdin", stdin);
    socket.on("interrupt", interrupt);
    Ok(())
}

async fn connected(socket: SocketRef, State(app): State<Shared>, Extension(login): Extension<Login>) {
    app.metrics.sockets.inc();
    socket.join([GLOBAL.to_owned(), user_room(&login.identity.user_id)]);
    let watch = tokio::spawn(cut_when_expired(socket.clone(), login.expires_at_s)).abort_handle();
    socket.on_disconnect(async move |socket: SocketRef, State(app): State<Shared>| {
        app.metrics.sockets.dec();
        watch.abort();
        // What still runs for the socket holds it, but not its place.
        socket.extensions.remove::<Arc<Seat>>();
    });
}

/// Disconnects a socket when its token expires; the client then refreshes and connects again.
async fn cut_when_expired(socket: SocketRef, expires_at_s: Arc<AtomicU64>) {
    loop {
        let now = jsonwebtoken::get_current_timestamp();
        let left = expires_at_s.load(Ordering::Acquire).saturating_sub(now);
        if left == 0 {
            // An error says that it is gone already.
            let _ = socket.disconnect();
            return;
        }
        tokio::time::sleep(Duration::from_secs(left)).await;
    }
}

fn sentence(problem: &Problem) -> String {
    problem.log();
    problem.document()["detail"].as_str().unwrap_or_default().to_owned()
}

/// Acknowledges with `{ok: true, …}` or `{ok: false, problem}`.
fn answer(ack: AckSender, result: Result<Value, Problem>) {
    let reply = match result {
        Ok(data) => json!({ "ok": true, "data": data }),
        Err(problem) => {
            problem.log();
            json!({ "ok": false, "problem": problem.document() })
        }
    };
    if let Err(error) = ack.send(&reply) {
        tracing::debug!(%error, "a browser left before its acknowledgement");
    }
}

fn malformed(error: &dyn std::fmt::Display) -> Problem {
    Problem::bad_request(format!("The event's data is not what it should be: {error}."))
}

async fn authenticate(
    socket: SocketRef,
    State(app): State<Shared>,
    Extension(login): Extension<Login>,
    TryData(handshake): TryData<Handshake>,
    ack: AckSender,
) {
    let renewed = async {
        let handshake = handshake.map_err(|error| malformed(&error))?;
        let identity = app.authenticate(&handshake.token).await?;
        if identity.user_id != login.identity.user_id || identity.role != login.identity.role {
            return Err(Problem::forbidden("This token is somebody else's, or of another role; reconnect."));
        }
        leave_what_is_closed(&socket, &app, &identity).await?;
        login.expires_at_s.store(identity.expires_at_s, Ordering::Release);
        Ok(json!({ "expires_at_s": identity.expires_at_s }))
    };
    answer(ack, renewed.await);
}

async fn join_student(
    socket: SocketRef,
    State(app): State<Shared>,
    Extension(login): Extension<Login>,
    TryData(student_id): TryData<String>,
    ack: AckSender,
) {
    let joined = async {
        app.limits.user.take(&login.identity.user_id)?;
        let student_id = student_id.map_err(|error| malformed(&error))?;
        if !app.may_see(&login.identity, &student_id).await? {
            return Err(Problem::forbidden("This is nobody's room that you look after."));
        }
        socket.join(student_room(&student_id));
        Ok(json!({ "room": student_room(&student_id) }))
    };
    answer(ack, joined.await);
}

async fn join_instructors(
    socket: SocketRef,
    State(app): State<Shared>,
    Extension(login): Extension<Login>,
    ack: AckSender,
) {
    let joined = async {
        app.limits.user.take(&login.identity.user_id)?;
        login.identity.require(Role::Teacher)?;
        socket.join(INSTRUCTORS);
        if login.identity.role == Role::Admin {
            socket.join(ADMINS);
        }
        let classes = app.taught_classes(&login.identity).await?;
        socket.join(classes.iter().copied().map(class_room).collect::<Vec<_>>());
        Ok(json!({ "room": INSTRUCTORS, "classes": classes }))
    };
    answer(ack, joined.await);
}

/// What happens in a class, for its teachers.
async fn join_class(
    socket: SocketRef,
    State(app): State<Shared>,
    Extension(login): Extension<Login>,
    TryData(class_id): TryData<Uuid>,
    ack: AckSender,
) {
    let joined = async {
        app.limits.user.take(&login.identity.user_id)?;
        let class_id = class_id.map_err(|error| malformed(&error))?;
        app.taught(&login.identity, class_id).await?;
        socket.join(class_room(class_id));
        Ok(json!({ "room": class_room(class_id) }))
    };
    answer(ack, joined.await);
}

/// The rooms that hear of a student's struggles and progress: those of the student's classes; of whoever is in no
/// class, the room of all teachers. Admins hear of everybody.
pub(crate) fn rooms_of_teachers(classes: &[Uuid]) -> Vec<String> {
    let mut rooms: Vec<String> = classes.iter().copied().map(class_room).collect();
    if rooms.is_empty() {
        rooms.push(INSTRUCTORS.to_owned());
    }
    rooms.push(ADMINS.to_owned());
    rooms
}

/// Leaves the rooms that a socket may not be in any more: classes change while it is connected.
async fn leave_what_is_closed(socket: &SocketRef, app: &App, identity: &Identity) -> Result<(), Problem> {
    for room in socket.rooms() {
        let stays = match room.split_once(':') {
            Some(("student", student_id)) => app.may_see(identity, student_id).await?,
            Some(("class", class_id)) => match class_id.parse() {
                Ok(class_id) => app.taught(identity, class_id).await.is_ok(),
                Err(_) => false,
            },
            _ => true,
        };
        if !stays {
            socket.leave(room);
        }
    }
    Ok(())
}

/// A message, with the key that makes a repeat the same turn.
#[derive(Deserialize)]
struct Submission {
    #[serde(flatten)]
    query: QuerySubmitted,
    #[serde(default)]
    idempotency_key: Option<String>,
}

async fn submit_query(
    State(app): State<Shared>,
    Extension(login): Extension<Login>,
    TryData(submission): TryData<Traced<Submission>>,
    ack: AckSender,
) {
    let (span, submission) = socket_span::begin("submit-query", submission);
    let submitted = async {
        let submission = submission.map_err(|error| malformed(&error))?;
        app.submit(&login.identity, &submission.query, submission.idempotency_key.as_deref()).await
    };
    let submitted = submitted.instrument(span.clone()).await;
    socket_span::ended(&span, &submitted);
    answer(ack, submitted);
}

async fn feedback(
    State(app): State<Shared>,
    Extension(login): Extension<Login>,
    TryData(feedback): TryData<Feedback>,
    ack: AckSender,
) {
    let rated = async {
        app.limits.user.take(&login.identity.user_id)?;
        let feedback = feedback.map_err(|error| malformed(&error))?;
        app.rate(&login.identity, feedback).await?;
        Ok(Value::Null)
    };
    answer(ack, rated.await);
}

/// Runs a program. The acknowledgement names the run and says how many are left today; `code-output` then brings `{run_id, stream, text}` as it is
/// printed, and at the end `{run_id, report}`, or `{run_id, problem}` when the sandbox failed.
async fn run_code(
    socket: SocketRef,
    State(app): State<Shared>,
    Extension(login): Extension<Login>,
    TryData(request): TryData<Traced<RunRequest>>,
    ack: AckSender,
) {
    let (span, request) = socket_span::begin("run-code", request);
    let request = request.map_err(|error| malformed(&error));
    watch_run(socket, app, login, request, ack).instrument(span).await;
}

async fn watch_run(
    socket: SocketRef,
    app: Shared,
    login: Login,
    request: Result<RunRequest, Problem>,
    ack: AckSender,
) {
    let started = async {
        let request = request?;
        app.limits.runs.take(&login.identity.user_id)?;
        let start = app.start_run(&login.identity, &login.runs, request);
        app.charge_run(&login.identity, start).await
    };
    let started = started.await;
    socket_span::ended(&Span::current(), &started);
    let (mut run, left) = match started {
        Ok(started) => started,
        Err(problem) => return answer(ack, Err(problem)),
    };
    answer(ack, Ok(json!({ "run_id": run.run_id, "runs_remaining": left })));
    // A browser that has left, or that takes nothing any more, ends its program: the run is dropped.
    while let Some((_, told)) = run.next(&app).await {
        if socket.emit("code-output", &told).is_err() {
            return;
        }
    }
}

/// What was typed into a program.
#[derive(Deserialize)]
struct Typed {
    run_id: Uuid,
    #[serde(default)]
    text: String,
    /// No more will come.
    #[serde(default)]
    eof: bool,
}

async fn stdin(
    State(app): State<Shared>,
    Extension(login): Extension<Login>,
    TryData(typed): TryData<Typed>,
    ack: AckSender,
) {
    let passed = async {
        app.limits.user.take(&login.identity.user_id)?;
        let typed = typed.map_err(|error| malformed(&error))?;
        let input = json!({ "text": typed.text, "eof": typed.eof });
        app.type_into(&login.identity, &login.runs, typed.run_id, &input).await?;
        Ok(Value::Null)
    };
    answer(ack, passed.await);
}

/// Which program.
#[derive(Deserialize)]
struct Which {
    run_id: Uuid,
}

async fn interrupt(
    State(app): State<Shared>,
    Extension(login): Extension<Login>,
    TryData(which): TryData<Which>,
    ack: AckSender,
) {
    let stopped = async {
        app.limits.user.take(&login.identity.user_id)?;
        let which = which.map_err(|error| malformed(&error))?;
        app.interrupt(&login.identity, &login.runs, which.run_id).await?;
        Ok(Value::Null)
    };
    answer(ack, stopped.await);
}

/// From where to resume.
#[derive(Deserialize)]
struct Since {
    /// Every turn up to this number has been seen with its answer; 0 for none.
    seq: i64,
    /// Whose turns; one's own when absent.
    #[serde(default)]
    student_id: Option<String>,
}

/// Acknowledges with the turns after a number, in order, whatever their status: what is not answered yet comes
/// as an event later. `more` says that another `since` is needed.
async fn since(
    State(app): State<Shared>,
    Extension(login): Extension<Login>,
    TryData(since): TryData<Since>,
    ack: AckSender,
) {
    let missed = async {
        app.limits.user.take(&login.identity.user_id)?;
        let since = since.map_err(|error| malformed(&error))?;
        let student_id = since.student_id.unwrap_or_else(|| login.identity.user_id.clone());
        if !app.may_see(&login.identity, &student_id).await? {
            return Err(Problem::forbidden("These are turns of nobody that you look after."));
        }
        let turns = app.turns_since(&student_id, since.seq).await?;
        let more = i64::try_from(turns.len()).unwrap_or(RESUMED) == RESUMED;
        Ok(json!({ "turns": turns, "more": more }))
    };
    answer(ack, missed.await);
}

impl App {
    /// Cuts the sockets of somebody whose account is gone, and lets go of it whoever watched.
    pub(crate) async fn cut_sockets(&self, user_id: &str) {
        let Some(io) = self.sockets() else { return };
        // An error says that there is nobody to cut.
        let _ = io.within(user_room(user_id)).disconnect().await;
        let _ = io.within(student_room(user_id)).leave(student_room(user_id)).await;
    }

    async fn turns_since(&self, student_id: &str, seq: i64) -> Result<Vec<Turn>, Problem> {
        let rows: Vec<TurnRow> = sqlx::query_as(concat!(
            turn_columns!(),
            "WHERE q.student_id = $1 AND q.seq > $2 ORDER BY q.seq LIMIT $3"
        ))
        .bind(student_id.replace('\0', ""))
        .bind(seq)
        .bind(RESUMED)
        .fetch_all(&self.db)
        .await?;
        Ok(rows.into_iter().map(Turn::from).collect())
    }
}
