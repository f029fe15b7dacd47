//! Alerts and dashboard: every expression is PromQL, and asks for metrics that something exports.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use learnflow_topology::load_folder;
use promql_parser::{
    parser::{self, Expr},
    util::{ExprVisitor, walk_expr},
};
use serde_json::Value;

/// Metrics of others, and who exports them.
const FOREIGN: [(&str, &str); 3] = [
    ("up", "Prometheus"),
    ("kafka_consumergroup_lag", "the Kafka exporter, which eventing/kafka asks Strimzi for"),
    ("probe_success", "the blackbox exporter"),
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

/// What is wrong with an expression.
fn fault(expression: &str, recorded: &BTreeMap<String, String>) -> Option<String> {
    let parsed = match parser::parse(expression) {
        Ok(parsed) => parsed,
        Err(error) => return Some(format!("{expression}: {error}")),
    };
    let mut names = Names(BTreeSet::new());
    if let Err(error) = walk_expr(&mut names, &parsed) {
        return Some(format!("{expression}: {error}"));
    }
    if names.0.is_empty() {
        return Some(format!("{expression} asks for nothing"));
    }
    let exported = exported();
    let missing = names.0.iter().find(|name| {
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
        ("silent agents", "AgentsSilent"),
    ] {
        assert!(alerts.contains_key(alert), "nobody hears of {trouble}");
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
