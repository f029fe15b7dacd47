//! Alerts and dashboard: every expression is PromQL, and asks for metrics that something exports.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use learnflow_events::Agent;
use learnflow_topology::{Destination, load_folder, render};
use promql_parser::{
    parser::{self, Expr},
    util::{ExprVisitor, walk_expr},
};
use serde_json::Value;

/// Metrics of others, and the name of what scrapes who exports them; `up` is Prometheus' own.
const FOREIGN: [(&str, Option<&str>); 3] = [
    ("up", None),
    ("kafka_consumergroup_lag", Some("learnflow-kafka")),
    ("probe_success", Some("learnflow-page")),
];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The names that our programs export, read where they are declared.
fn exported() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in [
        "gateway/src/metrics.rs",
        "sandbox-host/src/metrics.rs",
        "crates/agent-spin/src/http.rs",
        "crates/telemetry/src/metrics.rs",
    ] {
        let source = fs::read_to_string(root().join(file)).unwrap();
        let before = names.len();
        // prometheus::Opts::new("name", …); in components, which have no registry, the text of the exposition.
        for (start, end) in [("\"", "\""), ("# TYPE ", " ")] {
            for part in source.split(start).skip(1) {
                let name = part.split(end).next().unwrap_or_default();
                let ours = ["gateway_", "sandbox_", "agent_", "telemetry_"];
                let ours = ours.iter().any(|prefix| name.starts_with(prefix));
                if ours
                    && name
                        .bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
                {
                    names.insert(name.to_owned());
                }
            }
        }
        assert!(names.len() > before, "{file} declares no metric: where are they now?");
    }
    names
}

/// The names that an expression asks for.
struct Names(BTreeSet<String>);

impl ExprVisitor for Names {
    type Error = String;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, String> {
        let selector = match expr {
            Expr::VectorSelector(selector) => selector,
            Expr::MatrixSelector(matrix) => &matrix.vs,
            _ => return Ok(true),
        };
        self.0.insert(selector.name.clone().ok_or("a selector without a name")?);
        Ok(true)
    }
}

fn names(expression: &str) -> Result<BTreeSet<String>, String> {
    let parsed = parser::parse(expression)?;
    let mut names = Names(BTreeSet::new());
    walk_expr(&mut names, &parsed)?;
    Ok(names.0)
}

/// What is wrong with an expression.
fn fault(expression: &str, recorded: &BTreeMap<String, String>) -> Option<String> {
    let names = match names(expression) {
        Ok(names) if names.is_empty() => return Some(format!("{expression} asks for nothing")),
        Ok(names) => names,
        Err(error) => return Some(format!("{expression}: {error}")),
    };
    let exported = exported();
    let missing = names.iter().find(|name| {
        let series = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
        let known = |name: &str| {
            exported.contains(name)
                || recorded.contains_key(name)
                || FOREIGN.iter().any(|(foreign, _)| *foreign == name)
        };
        !known(name) && !series.is_some_and(known)
    });
    missing.map(|name| format!("{expression}: nothing exports {name}"))
}

fn dashboard() -> Value {
    let text = fs::read_to_string(root().join("knative/observability/learnflow.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn alerts_and_dashboard_ask_for_what_there_is() {
    let graph = load_folder(root(), "knative/observability").unwrap();
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let mut expressions: Vec<&str> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    expressions.extend(graph.alerts.values().chain(graph.recorded.values()).map(String::as_str));
    assert!(expressions.len() > 30);
    let faults: Vec<String> =
        expressions.iter().filter_map(|expression| fault(expression, &graph.recorded)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn wrong_expressions_are_found() {
    for wrong in [
        "sum(rate(agent_requests_total[5m])",
        "rate(agent_requests_total)",
        "agent_requests_totals > 1",
        "histogram_quantile(0.5, sum by (le) (rate(sandbox_run_second_bucket[5m])))",
        "{pod=\"x\"}",
        "1 > 0",
        "sum(agent_turns_waiting) >> 3",
    ] {
        assert!(fault(wrong, &BTreeMap::new()).is_some(), "accepted: {wrong}");
    }
}

/// What somebody who runs LearnFlow has to hear of.
#[test]
fn there_is_an_alert_for_each_kind_of_trouble() {
    let alerts = load_folder(root(), "knative/observability").unwrap().alerts;
    for (trouble, alert) in [
        ("lag", "EventsWait"),
        ("errors", "AgentFails"),
        ("dead letters", "DeadLetters"),
        ("the model's budget", "BudgetSpent"),
        ("no heartbeat", "NoHeartbeat"),
        ("silent agents", "AgentSilent"),
        ("slow agents", "AgentSlow"),
        ("a lag that nobody measures", "LagUnknown"),
        ("a page that nobody reaches", "PageAway"),
    ] {
        assert!(alerts.contains_key(alert), "nobody hears of {trouble}");
    }
    // `absent` of several is silent while one of them is there.
    for agent in Agent::ALL {
        let alone = format!("absent_over_time(agent_requests_total{{agent=\"{agent}\"}}[20m])");
        assert!(alerts["AgentSilent"].contains(&alone), "{agent} may be silent");
    }
}

/// A rule about what nobody scrapes never fires, and what is scraped for no rule is not looked at.
#[test]
fn what_others_export_is_scraped_and_looked_at() {
    let graph = load_folder(root(), "knative/observability").unwrap();
    let asked: BTreeSet<String> = graph
        .alerts
        .values()
        .chain(graph.recorded.values())
        .flat_map(|expression| names(expression).unwrap())
        .collect();
    let objects = render(root(), "knative/observability").unwrap();
    for (metric, scraped_by) in FOREIGN {
        assert!(asked.contains(metric), "no rule asks for {metric}");
        let Some(name) = scraped_by else { continue };
        let scraper = objects.iter().find(|object| {
            object["metadata"]["name"] == name
                && ["PodMonitor", "ScrapeConfig"].map(Value::from).contains(&object["kind"])
        });
        assert!(scraper.is_some(), "nothing scrapes who exports {metric}");
    }
    // The exporter's pod is where Strimzi makes it: in the Kafka's namespace, by the Kafka's name.
    let kafka = render(root(), "eventing/kafka").unwrap();
    let kafka = kafka.iter().find(|object| object["kind"] == "Kafka").unwrap();
    assert!(kafka["spec"]["kafkaExporter"].is_object(), "Strimzi is not asked for an exporter");
    let monitor = objects.iter().find(|object| object["metadata"]["name"] == "learnflow-kafka").unwrap();
    assert_eq!(monitor["metadata"]["namespace"], kafka["metadata"]["namespace"]);
    let exporter = format!("{}-kafka-exporter", kafka["metadata"]["name"].as_str().unwrap());
    assert_eq!(monitor["spec"]["selector"]["matchLabels"]["strimzi.io/name"], exporter);
}

/// A `label_replace` around a recorded expression: where it writes, what, and the label and pattern that it looks at.
struct Replacement {
    label: String,
    text: String,
    of: String,
    pattern: String,
}

/// The replacements of an expression, the innermost first.
fn replacements(expression: &Expr, found: &mut Vec<Replacement>) {
    match expression {
        Expr::Call(call) if call.func.name == "label_replace" => {
            let text = |place: usize| match &*call.args.args[place] {
                Expr::StringLiteral(literal) => literal.val.clone(),
                other => panic!("{other:?} is no text"),
            };
            replacements(&call.args.args[0], found);
            found.push(Replacement { label: text(1), text: text(2), of: text(3), pattern: text(4) });
        }
        Expr::Aggregate(aggregate) => replacements(&aggregate.expr, found),
        _ => {}
    }
}

/// On a cluster the lag has the labels that the runner's own broker gives it: PostgreSQL reads the rule's patterns here.
#[tokio::test]
async fn the_recorded_lag_names_the_subscriber_of_each_trigger() {
    let recorded = load_folder(root(), "knative/observability").unwrap().recorded;
    let mut rule = Vec::new();
    replacements(&parser::parse(&recorded["agent_queue_depth"]).unwrap(), &mut rule);
    let graph = learnflow_topology::load(root(), "container").unwrap();
    let database = learnflow_testkit::database().await;
    assert!(graph.triggers.len() > 20);
    for trigger in &graph.triggers {
        let group = format!("knative-trigger-{}-{}", trigger.namespace, trigger.name);
        let mut labels = BTreeMap::from([("consumergroup".to_owned(), group)]);
        for step in &rule {
            let value = labels.get(&step.of).cloned().unwrap_or_default();
            let replaced: Option<String> =
                sqlx::query_scalar("SELECT regexp_replace($1, $2, $3) WHERE $1 ~ $2")
                    .bind(value)
                    .bind(format!("^(?:{})$", step.pattern))
                    .bind(step.text.replace('$', "\\"))
                    .fetch_optional(&database.pool)
                    .await
                    .unwrap();
            labels.extend(replaced.map(|replaced| (step.label.clone(), replaced)));
        }
        let (Destination::Service { name, .. } | Destination::KafkaSink { name, .. }) = &trigger.subscriber
        else {
            panic!("{} delivers to a URL", trigger.name)
        };
        assert_eq!(labels.get("trigger"), Some(&trigger.name));
        assert_eq!(labels.get("agent"), Some(name), "the agent of {}", trigger.name);
    }
}

/// Panels lie beside and below each other, and say what they show.
#[test]
fn panels_do_not_overlap() {
    let dashboard = dashboard();
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(side("x") + side("w") <= 24, "{panel}");
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(taken.insert((x, y)), "{}", panel["title"]);
            }
        }
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}: its id is another's", panel["title"]);
        assert!(!panel["title"].as_str().unwrap().is_empty());
    }
}
