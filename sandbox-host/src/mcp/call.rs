//! Calls of tools: progress while a program runs, its end when the client cancels, its report at the end.

use std::{future::Future, sync::Arc};

use axum::http::{HeaderMap, request::Parts};
use learnflow_events::code::{Outcome, RunReport, RunRequest, TestCase, TestReport, TestRequest};
use learnflow_telemetry::{TraceContext, http, in_trace};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, JsonObject,
        ListToolsResult, PaginatedRequestParams, ProgressNotificationParam, ProgressToken,
        ServerCapabilities, ServerConfig, Tool as ToolDescription,
    },
    service::{Peer, RequestContext},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::sync::Semaphore;
use tracing::Instrument;

use super::tool::{SyntaxReport, SyntaxRequest, Tool};
use crate::{
    error::ExecutorError,
    fleet::{RunEvent, TestEvent},
    service::Service,
};

/// Calls of one session that may be in progress.
const CALLS: usize = 8;
/// Longest time that a call may take on the wall clock, in milliseconds.
const WALL_MS: u64 = 120_000;
/// Steps that are recorded when the call does not say.
const TRACE_STEPS: u64 = 200;
/// What one progress notification says at most, in bytes.
const MESSAGE_BYTES: usize = 2_000;
/// Compiles a program without running it.
const CHECK_SYNTAX: &str = include_str!("check_syntax.py");
/// The name of the program beside [`CHECK_SYNTAX`].
const CHECKED: &str = "program.py";

/// What a client is told on its first request.
const INSTRUCTIONS: &str = "Runs Python programs of beginners in isolation. Every call gets a fresh interpreter; nothing \
                            is kept between calls. A program that fails is a result, not an error of the tool.";

/// The sandbox's tools for one session, or for one request of a client that has none.
pub(super) struct SandboxTools {
    service: Service,
    calls: Arc<Semaphore>,
}

/// Why a call has no report. The text is for the model that called.
struct Refused(String);

impl From<ExecutorError> for Refused {
    fn from(error: ExecutorError) -> Self {
        Self(crate::problem::Problem::from(error).detail().to_owned())
    }
}

impl SandboxTools {
    pub(super) fn new(service: Service) -> Self {
        Self { service, calls: Arc::new(Semaphore::new(CALLS)) }
    }

    async fn call(&self, tool: Tool, arguments: JsonObject, progress: Progress) -> Result<Value, Refused> {
        let Ok(_permit) = self.calls.try_acquire() else {
            return Err(Refused(format!(
                "{CALLS} calls of this session are in progress; wait for one to end"
            )));
        };
        match tool {
            Tool::RunPython => json(&self.run(read(arguments)?, progress).await?),
            Tool::TracePython => {
                let mut request: RunRequest = read(arguments)?;
                request.trace = true;
                request.limits.trace_steps.get_or_insert(TRACE_STEPS);
                json(&self.run(request, progress).await?)
            }
            Tool::RunTests => json(&self.test(read(arguments)?, progress).await?),
            Tool::CheckSyntax => json(&self.check(read(arguments)?).await?),
        }
    }

    async fn run(&self, mut request: RunRequest, mut progress: Progress) -> Result<RunReport, Refused> {
        request.limits.wall_ms = request.limits.wall_ms.map(|wall_ms| wall_ms.min(WALL_MS));
        let mut handle = self
            .service
            .start(request, false, progress.is_wanted())
            .map_err(|problem| Refused(problem.detail().to_owned()))?;
        let mut printed = 0;
        while let Some(event) = handle.events.recv().await {
            let mut next = Some(event);
            let mut message = String::new();
            // What is there already goes out at once, so that a program cannot print faster than it is heard.
            while let Some(event) = next {
                match event {
                    RunEvent::Output(_, text) => {
                        printed += text.len();
                        message.push_str(&text);
                    }
                    RunEvent::Ended(result) => {
                        let report = (*result)?;
                        self.service.metrics().ran(&report);
                        return Ok(report);
                    }
                }
                next = handle.events.try_recv().ok();
            }
            progress.report(printed, None, message).await;
        }
        Err(Refused("the sandbox is closing".to_owned()))
    }

    async fn test(&self, mut request: TestRequest, mut progress: Progress) -> Result<TestReport, Refused> {
        request.limits.wall_ms = request.limits.wall_ms.map(|wall_ms| wall_ms.min(WALL_MS));
        // How many methods a unittest file has is known when it runs.
        let countable = !request.tests.iter().any(|test| matches!(test, TestCase::Unittest { .. }));
        let total = countable.then_some(request.tests.len());
        let mut handle =
            self.service.start_tests(request).map_err(|problem| Refused(problem.detail().to_owned()))?;
        let mut judged = 0;
        while let Some(event) = handle.events.recv().await {
            match event {
                TestEvent::Judged(verdict) => {
                    judged += 1;
                    let said = if verdict.passed { "passed" } else { "failed" };
                    progress.report(judged, total, format!("{}: {said}", verdict.name)).await;
                }
                TestEvent::Ended(result) => {
                    let report = (*result)?;
                    self.service.metrics().tested(&report);
                    return Ok(report);
                }
            }
        }
        Err(Refused("the sandbox is closing".to_owned()))
    }

    async fn check(&self, SyntaxRequest { code }: SyntaxRequest) -> Result<SyntaxReport, Refused> {
        let request = RunRequest {
            code: CHECK_SYNTAX.to_owned(),
            files: [(CHECKED.to_owned(), code)].into(),
            ..RunRequest::default()
        };
        let report =
            self.service.run(request).await.map_err(|problem| Refused(problem.detail().to_owned()))?;
        match (report.outcome, report.error) {
            (Outcome::Ok, _) => {
                let warnings = serde_json::from_str(&report.stdout)
                    .map_err(|error| Refused(format!("the check printed something unexpected: {error}")))?;
                Ok(SyntaxReport { valid: true, error: None, warnings })
            }
            (_, Some(error)) => Ok(SyntaxReport { valid: false, error: Some(error), warnings: Vec::new() }),
            (outcome, None) => Err(Refused(format!("the program could not be checked: {outcome:?}"))),
        }
    }
}

fn read<T: DeserializeOwned>(arguments: JsonObject) -> Result<T, Refused> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|error| Refused(format!("the arguments are not what the tool's inputSchema says: {error}")))
}

fn json(report: &impl Serialize) -> Result<Value, Refused> {
    serde_json::to_value(report).map_err(|error| Refused(format!("the report is not JSON: {error}")))
}

impl ServerHandler for SandboxTools {
    fn get_info(&self) -> ServerConfig {
        let implementation = Implementation::new("learnflow-sandbox", env!("CARGO_PKG_VERSION"))
            .with_title("LearnFlow sandbox");
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(implementation)
            .with_instructions(INSTRUCTIONS)
    }

    fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<ListToolsResult, ErrorData>> + Send + '_ {
        std::future::ready(Ok(ListToolsResult::with_all_items(
            Tool::ALL.into_iter().map(Tool::described).collect(),
        )))
    }

    fn get_tool(&self, name: &str) -> Option<ToolDescription> {
        Tool::named(name).map(Tool::described)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = Tool::named(&request.name) else {
            let names = Tool::ALL.map(Tool::name).join(", ");
            return Err(ErrorData::invalid_params(format!("there is no such tool; there are {names}"), None));
        };
        let headers =
            context.extensions.get::<Parts>().map_or(HeaderMap::new(), |parts| parts.headers.clone());
        let span = in_trace(TraceContext::from_headers(&headers).as_ref(), || {
            tracing::info_span!(
                "tools/call",
                "otel.name" = format!("tools/call {}", tool.name()),
                "otel.kind" = "server",
                "otel.status_code" = tracing::field::Empty,
                "mcp.method.name" = "tools/call",
                "gen_ai.operation.name" = "execute_tool",
                "gen_ai.tool.name" = tool.name(),
                "error.type" = tracing::field::Empty,
            )
        });
        let progress = Progress::of(&context);
        let arguments = request.arguments.unwrap_or_default();
        let called = async {
            // Dropping the call drops its run, and that stops the program.
            tokio::select! {
                biased;
                () = context.ct.cancelled() => None,
                result = self.call(tool, arguments, progress) => Some(result),
            }
        };
        let (result, said) = match called.instrument(span.clone()).await {
            Some(Ok(report)) => (CallToolResult::structured(report), "ok"),
            Some(Err(Refused(reason))) => {
                (CallToolResult::error(vec![ContentBlock::text(reason)]), "refused")
            }
            // Nobody reads this any more.
            None => (CallToolResult::error(vec![ContentBlock::text("cancelled")]), "cancelled"),
        };
        if said != "ok" {
            http::failed(&span, said);
        }
        span.in_scope(|| tracing::info!(result = said, "called"));
        self.service.metrics().tool_called(tool.name(), said);
        Ok(result.into())
    }
}

/// Tells a client that asked for it how far a call is.
struct Progress {
    token: Option<ProgressToken>,
    peer: Peer<RoleServer>,
    last: usize,
}

impl Progress {
    fn of(context: &RequestContext<RoleServer>) -> Self {
        Self { token: context.meta.get_progress_token(), peer: context.peer.clone(), last: 0 }
    }

    fn is_wanted(&self) -> bool {
        self.token.is_some()
    }

    /// Says that `done` (of `total`) is reached; it has to grow from one report to the next.
    async fn report(&mut self, done: usize, total: Option<usize>, mut message: String) {
        let Some(token) = self.token.clone() else { return };
        if done <= self.last {
            return;
        }
        self.last = done;
        if message.len() > MESSAGE_BYTES {
            message.truncate(message.floor_char_boundary(MESSAGE_BYTES));
            message.push('…');
        }
        #[expect(clippy::cast_precision_loss, reason = "output and tests are far below 2^53")]
        let count = |number: usize| number as f64;
        let mut progress = ProgressNotificationParam::new(token, count(done)).with_message(message);
        if let Some(total) = total {
            progress = progress.with_total(count(total));
        }
        // A client that is gone has stopped listening, which ends the call elsewhere.
        let _ = self.peer.notify_progress(progress).await;
    }
}
