//! From finished spans to a collector: a bounded queue, and a thread of its own that sends what is in it.
//!
//! Whoever ends a span never waits: what does not fit is dropped and counted. The thread has a runtime of its own, so a
//! collector that is slow or away costs the program's own tasks nothing.

use std::{sync::Arc, thread, time::Duration};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use prost::Message;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    config::ExportConfig,
    layer::FinishedSpan,
    metrics::{Counters, Dropped},
    otlp::{ExportTraceServiceRequest, ExportTraceServiceResponse, KeyValue, MEDIA_TYPE, Resource},
};

/// Tries of one batch. Meanwhile the queue fills, and what does not fit is dropped.
const TRIES: u32 = 4;
/// The pause after the first failure; it doubles with each.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest pause that a collector may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The largest answer of a collector that is read.
const ANSWER_BYTES: usize = 64 * 1024;

/// Where spans go when they end.
pub(crate) struct Queue {
    sender: mpsc::Sender<FinishedSpan>,
    counters: Counters,
}

impl Queue {
    /// Takes a span if there is room.
    pub(crate) fn offer(&self, span: FinishedSpan) {
        if self.sender.try_send(span).is_err() {
            self.counters.dropped(Dropped::QueueFull, 1);
        }
    }
}

/// The thread that sends.
pub(crate) struct Exporter {
    stop: CancellationToken,
    /// Closed when the thread is done.
    done: std::sync::mpsc::Receiver<()>,
}

impl Exporter {
    /// Starts the thread.
    pub(crate) fn start(
        config: ExportConfig,
        resource: &[(String, String)],
        counters: Counters,
    ) -> std::io::Result<(Self, Arc<Queue>)> {
        let (sender, receiver) = mpsc::channel(config.queue);
        let queue = Arc::new(Queue { sender, counters: counters.clone() });
        let resource =
            Resource { attributes: resource.iter().map(|(key, value)| KeyValue::text(key, value)).collect() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stop = CancellationToken::new();
        let (finished, done) = std::sync::mpsc::channel::<()>();
        let worker = Worker {
            client: client(),
            config,
            resource,
            counters,
            receiver,
            stop: stop.clone(),
            reached: true,
        };
        thread::Builder::new().name("telemetry".to_owned()).spawn(move || {
            runtime.block_on(worker.run());
            drop(finished);
        })?;
        Ok((Self { stop, done }, queue))
    }

    /// Sends what is in the queue and ends, within `patience`.
    pub(crate) fn stop(&self, patience: Duration) {
        self.stop.cancel();
        // Either the thread has ended or nobody may wait longer for it.
        let _ = self.done.recv_timeout(patience);
    }
}

type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

fn client() -> HttpClient {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    let connector =
        HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().wrap_connector(tcp);
    Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector)
}

struct Worker {
    client: HttpClient,
    config: ExportConfig,
    resource: Resource,
    counters: Counters,
    receiver: mpsc::Receiver<FinishedSpan>,
    stop: CancellationToken,
    /// Whether the last batch was taken, so that an outage is one line in the log.
    reached: bool,
}

/// A try that failed.
struct Failed {
    retry: Retry,
    text: String,
}

/// Whether another try may help.
enum Retry {
    No,
    Yes,
    /// The collector wants to be left alone so long.
    After(Duration),
}

impl Worker {
    async fn run(mut self) {
        loop {
            let batch = self.collect().await;
            if batch.is_empty() {
                if self.stop.is_cancelled() {
                    return;
                }
                continue;
            }
            let spans = batch.len();
            let body = Bytes::from(ExportTraceServiceRequest::of(&self.resource, batch).encode_to_vec());
            match self.send(body).await {
                Ok(rejected) => {
                    self.counters.exported(spans.saturating_sub(rejected));
                    self.counters.dropped(Dropped::Rejected, rejected);
                    if !std::mem::replace(&mut self.reached, true) {
                        tracing::info!(endpoint = %self.config.endpoint, "spans are exported again");
                    }
                }
                Err(text) => {
                    self.counters.dropped(Dropped::ExportFailed, spans);
                    if std::mem::replace(&mut self.reached, false) {
                        tracing::warn!(endpoint = %self.config.endpoint, reason = text, "spans cannot be exported and are dropped");
                    }
                }
            }
        }
    }

    /// The next spans to send: a full batch, or what came within the delay. Empty when nothing came.
    async fn collect(&mut self) -> Vec<FinishedSpan> {
        let mut batch = Vec::new();
        let end = Instant::now() + self.config.delay;
        while batch.len() < self.config.batch {
            let room = self.config.batch - batch.len();
            tokio::select! {
                biased;
                received = self.receiver.recv_many(&mut batch, room) => if received == 0 {
                    self.stop.cancel();
                    break;
                },
                () = self.stop.cancelled() => break,
                () = tokio::time::sleep_until(end) => break,
            }
        }
        batch
    }

    /// Sends a batch, several times if that may help. Returns how many spans were rejected.
    async fn send(&self, body: Bytes) -> Result<usize, String> {
        let mut tries = 0;
        loop {
            let failed = match self.request(body.clone()).await {
                Ok(rejected) => return Ok(rejected),
                Err(failed) => failed,
            };
            tries += 1;
            let pause = match failed.retry {
                Retry::After(pause) if tries < TRIES => pause.min(LONGEST_PAUSE),
                // A collector that comes back should not be met by everybody at once.
                Retry::Yes if tries < TRIES => (PAUSE * 2u32.pow(tries - 1)).mul_f64(0.5 + fastrand::f64()),
                _ => return Err(failed.text),
            };
            if self.stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return Err(failed.text);
            }
        }
    }

    async fn request(&self, body: Bytes) -> Result<usize, Failed> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.config.endpoint.clone();
        *request.headers_mut() = self.config.headers.clone();
        request.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(MEDIA_TYPE));
        let away = |text: String| Failed { retry: Retry::Yes, text };
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| away(with_causes(&error)))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES).collect().await;
            Ok::<_, Failed>((head, body.map_err(|error| away(error.to_string()))?.to_bytes()))
        };
        let (head, body) = tokio::time::timeout(self.config.timeout, exchange)
            .await
            .map_err(|_| away(format!("no answer within {:?}", self.config.timeout)))??;
        if head.status.is_success() {
            let answer = ExportTraceServiceResponse::decode(body).unwrap_or_default();
            let rejected = answer.partial_success.map_or(0, |partial| partial.rejected_spans);
            return Ok(usize::try_from(rejected).unwrap_or_default());
        }
        // The statuses after which OTLP lets a client try again.
        let retryable = matches!(
            head.status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        );
        let asked = head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let retry = match asked {
            _ if !retryable => Retry::No,
            Some(seconds) => Retry::After(Duration::from_secs(seconds)),
            None => Retry::Yes,
        };
        Err(Failed { retry, text: format!("the collector answered {}", head.status) })
    }
}

/// An error with its causes: hyper's own text leaves out what went wrong.
fn with_causes(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |cause| cause.source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use std::time::Instant as Clock;

    use learnflow_testkit::{Collected, Collector, Refusal, SpanKind, wait_until};
    use tokio::net::TcpListener;
    use tracing::{
        Instrument,
        subscriber::{DefaultGuard, set_default},
    };
    use tracing_subscriber::{EnvFilter, Layer, fmt, layer::SubscriberExt};

    use super::*;
    use crate::{TraceContext, in_trace, layer::SpanLayer, sampler::Sampler, setup::recorded};

    const DEADLINE: Duration = Duration::from_secs(20);

    /// Spans of this thread go to a collector while it lives.
    struct Exporting {
        exporter: Exporter,
        counters: Counters,
        _subscriber: DefaultGuard,
    }

    impl Exporting {
        fn to(endpoint: &str, delay: Duration, sampler: Sampler) -> Self {
            let config = ExportConfig {
                endpoint: format!("{endpoint}/v1/traces").parse().unwrap(),
                headers: [(header::AUTHORIZATION, "Bearer key".parse().unwrap())].into_iter().collect(),
                timeout: Duration::from_secs(10),
                queue: 100,
                batch: 50,
                delay,
            };
            let counters = Counters::new();
            let resource = [("service.name".to_owned(), "test".to_owned())];
            let (exporter, queue) = Exporter::start(config, &resource, counters.clone()).unwrap();
            let spans = SpanLayer { sampler, queue: Some(queue) };
            // As in a program, whose lines want less than its spans do.
            let subscriber = tracing_subscriber::registry()
                .with(spans.with_filter(recorded(true)))
                .with(fmt::layer().with_writer(std::io::sink).with_filter(EnvFilter::new("info")));
            Self { exporter, counters, _subscriber: set_default(subscriber) }
        }

        fn soon(collector: &Collector) -> Self {
            Self::to(&collector.endpoint(), Duration::from_millis(20), Sampler::default())
        }
    }

    async fn collected(collector: &Collector, count: usize) -> Vec<Collected> {
        wait_until(DEADLINE, async || Some(collector.spans()).filter(|spans| spans.len() >= count)).await
    }

    #[tokio::test]
    async fn spans_arrive_with_their_trace_and_what_their_fields_say() {
        let collector = Collector::start().await;
        let exporting = Exporting::soon(&collector);
        let caller = TraceContext::new_root();
        let span = in_trace(Some(&caller), || {
            tracing::info_span!(
                "request",
                "otel.name" = "GET /x",
                "otel.kind" = "server",
                "otel.status_code" = tracing::field::Empty,
                "http.route" = "/x",
                "http.response.status_code" = tracing::field::Empty,
                "error.type" = tracing::field::Empty,
            )
        });
        crate::http::answered(&span, StatusCode::BAD_GATEWAY);
        span.in_scope(|| drop(tracing::info_span!("child", text = "ä".repeat(2000))));
        let context = TraceContext::of(&span).unwrap();
        drop(span);

        let spans = collected(&collector, 2).await;
        let [child, server] = &spans[..] else { panic!("{spans:#?}") };
        assert_eq!(server.trace_id, format!("{:032x}", caller.trace_id));
        assert_eq!(server.parent_id, format!("{:016x}", caller.span_id));
        assert_eq!(server.span_id, format!("{:016x}", context.span_id));
        assert_eq!(server.name, "GET /x");
        assert_eq!(server.kind, SpanKind::Server);
        assert_eq!(server.service, "test");
        assert_eq!(server.scope, "learnflow_telemetry");
        assert!(server.failed && server.start <= server.end, "{server:?}");
        let attributes: Vec<_> = server.attributes.iter().map(|(name, value)| (&**name, &**value)).collect();
        let expected = [("error.type", "502"), ("http.response.status_code", "502"), ("http.route", "/x")];
        assert_eq!(attributes, expected);
        assert_eq!((&child.trace_id, &child.parent_id), (&server.trace_id, &server.span_id));
        assert_eq!(child.attribute("text").len(), 1024);
        assert_eq!(collector.headers()[0]["authorization"], "Bearer key");
        wait_until(DEADLINE, async || (exporting.counters.exported_so_far() == 2).then_some(())).await;
    }

    #[tokio::test]
    async fn a_statement_that_sqlx_ran_is_a_span_in_the_one_that_ran_it() {
        let database = learnflow_testkit::database().await;
        let collector = Collector::start().await;
        let _exporting = Exporting::soon(&collector);
        // In nobody's span.
        sqlx::query("SELECT pg_backend_pid()").execute(&database.pool).await.unwrap();
        let request = tracing::info_span!("request");
        let names = sqlx::query_scalar("SELECT name FROM unnest(ARRAY['zebra', $1]) AS name").bind("quagga");
        let names: Vec<String> = names.fetch_all(&database.pool).instrument(request.clone()).await.unwrap();
        assert_eq!(names, ["zebra", "quagga"]);
        let refused = sqlx::query("SELECT zebra FROM nowhere").execute(&database.pool);
        refused.instrument(request.clone()).await.unwrap_err();
        drop(request);

        let spans = collected(&collector, 3).await;
        let [done, refused, request] = &spans[..] else { panic!("{spans:#?}") };
        assert_eq!((&*done.name, &*refused.name), ("SELECT unnest", "SELECT nowhere"));
        for statement in [done, refused] {
            assert_eq!(
                (&statement.trace_id, &statement.parent_id, statement.kind),
                (&request.trace_id, &request.span_id, SpanKind::Client)
            );
            assert_eq!(statement.scope, "learnflow_telemetry");
            assert!(request.start <= statement.start && statement.start < statement.end, "{spans:#?}");
            assert!(statement.end <= request.end, "{spans:#?}");
        }
        let attributes: Vec<_> = done.attributes.iter().map(|(name, value)| (&**name, &**value)).collect();
        let expected = [
            ("db.operation.name", "SELECT"),
            ("db.query.summary", "SELECT unnest"),
            ("db.response.returned_rows", "2"),
            ("db.system.name", "postgresql"),
        ];
        assert_eq!(attributes, expected);
    }

    #[tokio::test]
    async fn a_collector_that_never_answers_costs_nothing_but_spans() {
        // The kernel accepts, and nobody reads.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let exporting = Exporting::to(&endpoint, Duration::from_millis(1), Sampler::default());
        let started = Clock::now();
        for _ in 0..10_000 {
            drop(tracing::info_span!("work"));
        }
        let took = started.elapsed();
        assert!(took < Duration::from_secs(2), "10000 spans took {took:?}");
        // In the queue, and in the request that hangs, is room for so many.
        let dropped = exporting.counters.dropped_so_far(Dropped::QueueFull);
        assert!((9_850..=9_900).contains(&dropped), "{dropped} dropped");
    }

    #[tokio::test]
    async fn the_last_spans_are_sent_at_the_end() {
        let collector = Collector::start().await;
        let exporting = Exporting::to(&collector.endpoint(), Duration::from_secs(3600), Sampler::default());
        drop(tracing::info_span!("last"));
        tokio::task::spawn_blocking(move || exporting.exporter.stop(DEADLINE)).await.unwrap();
        assert_eq!(collector.spans().len(), 1);
    }

    #[tokio::test]
    async fn a_collector_that_is_away_does_not_hold_up_the_end() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let exporting =
            Exporting::to(&format!("http://{closed}"), Duration::from_secs(3600), Sampler::default());
        drop(tracing::info_span!("last"));
        let counters = exporting.counters.clone();
        tokio::task::spawn_blocking(move || exporting.exporter.stop(DEADLINE)).await.unwrap();
        assert_eq!(counters.dropped_so_far(Dropped::ExportFailed), 1);
    }

    #[tokio::test]
    async fn what_a_collector_refuses_for_now_is_sent_again_and_what_it_refuses_for_good_is_not() {
        let collector = Collector::start().await;
        collector.refuse(Refusal::Status(StatusCode::SERVICE_UNAVAILABLE));
        collector.refuse(Refusal::Status(StatusCode::TOO_MANY_REQUESTS));
        let exporting = Exporting::soon(&collector);
        drop(tracing::info_span!("patient"));
        collected(&collector, 1).await;
        collector.refuse(Refusal::Status(StatusCode::BAD_REQUEST));
        drop(tracing::info_span!("malformed"));
        let failed = || exporting.counters.dropped_so_far(Dropped::ExportFailed);
        wait_until(DEADLINE, async || (failed() == 1).then_some(())).await;
        collector.refuse(Refusal::Partly(1));
        drop(tracing::info_span!("unwanted"));
        let rejected = || exporting.counters.dropped_so_far(Dropped::Rejected);
        wait_until(DEADLINE, async || (rejected() == 1).then_some(())).await;
        assert_eq!(exporting.counters.exported_so_far(), 1);
    }

    #[tokio::test]
    async fn what_is_not_sampled_has_ids_and_is_not_exported() {
        let collector = Collector::start().await;
        let sampler = Sampler::read(Some("parentbased_always_off"), None).unwrap();
        let exporting = Exporting::to(&collector.endpoint(), Duration::from_millis(20), sampler);
        let unsampled = tracing::info_span!("root");
        let child = unsampled.in_scope(|| tracing::info_span!("child"));
        let (root, child) = (TraceContext::of(&unsampled).unwrap(), TraceContext::of(&child).unwrap());
        assert!(root.traceparent().ends_with("-00") && child.traceparent().ends_with("-00"));
        assert!(root.is_same_trace(&child));
        drop(unsampled);
        // A caller that records asks us to record, too.
        drop(in_trace(Some(&TraceContext::new_root()), || tracing::info_span!("asked for")));
        let spans = collected(&collector, 1).await;
        assert_eq!(spans.iter().map(|span| &*span.name).collect::<Vec<_>>(), ["asked for"]);
        drop(exporting);
    }
}
