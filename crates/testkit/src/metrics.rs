use std::collections::BTreeMap;
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use learnflow_provision::{documents, tools_dir};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Reads the text with the parser of Prometheus' own Python client, and writes the families as JSON. That parser lets pass
/// what Prometheus does not: a sample of no family, a name without a type.
const READER: &str = "
import json, sys
from prometheus_client.parser import text_string_to_metric_families
families = [
    {'name': f.name, 'type': f.type, 'help': f.documentation,
     'samples': [{'name': s.name, 'labels': s.labels, 'value': str(s.value)} for s in f.samples]}
    for f in text_string_to_metric_families(sys.stdin.read())]
json.dump(families, sys.stdout)
";

/// A sample of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The metric, or that with `_bucket`, `_sum` or `_count`.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

/// What a `/metrics` said, as Prometheus' own client understands it.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Every sample, in order.
    pub samples: Vec<Sample>,
    types: BTreeMap<String, String>,
}

impl Metrics {
    /// Reads Prometheus' text format, and holds it to what Prometheus asks for besides: every metric has a type and a help
    /// text, no sample comes twice, counters are called `_total`, and buckets grow up to the count.
    ///
    /// # Errors
    /// Says what is wrong with the text, or that the parser is not to be had.
    pub async fn read(text: &str) -> Result<Self> {
        let tools = tools_dir(&crate::checkout());
        let parser = tokio::task::spawn_blocking(move || documents::metrics_parser(&tools)).await?;
        let (python, packages) = parser?;
        let mut process = Command::new(python)
            .args(["-c", READER])
            .env("PYTHONPATH", packages)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut input = process.stdin.take().context("its input is piped")?;
        input.write_all(text.as_bytes()).await?;
        drop(input);
        let output = process.wait_with_output().await?;
        if !output.status.success() {
            bail!("Prometheus' parser: {}", String::from_utf8_lossy(&output.stderr));
        }
        let metrics = Self::of(&serde_json::from_slice(&output.stdout)?)?;
        metrics.check()?;
        // The parser calls every counter `_total`, whatever it is called.
        let declared = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"));
        for name in declared {
            ensure!(name.ends_with("_total"), "the counter {name} is no _total");
        }
        Ok(metrics)
    }

    fn of(families: &Value) -> Result<Self> {
        let mut metrics = Self::default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        for family in families.as_array().context("families")? {
            let (name, kind) = (text(&family["name"]), text(&family["type"]));
            ensure!(!text(&family["help"]).is_empty(), "{name} has no help text");
            ensure!(kind != "unknown", "{name} has no type");
            for sample in family["samples"].as_array().context("samples")? {
                let labels = sample["labels"].as_object().context("labels")?;
                let labels = labels.iter().map(|(label, value)| (label.clone(), text(value))).collect();
                let value = text(&sample["value"]).parse()?;
                metrics.samples.push(Sample { name: text(&sample["name"]), labels, value });
            }
            metrics.types.insert(name, kind);
        }
        ensure!(!metrics.samples.is_empty(), "there is no sample");
        Ok(metrics)
    }

    /// The value of a sample with these labels, whatever others it has; `None` when there is none.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has = |sample: &&Sample| {
            sample.name == name
                && labels.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|is| is == value))
        };
        self.samples.iter().find(has).map(|sample| sample.value)
    }

    /// What is called a counter, and may therefore never fall.
    pub fn counters(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(|sample| {
            sample.name.ends_with("_total")
                || ["_bucket", "_count"].iter().any(|suffix| {
                    sample
                        .name
                        .strip_suffix(suffix)
                        .is_some_and(|name| self.types.get(name).is_some_and(|kind| kind == "histogram"))
                })
        })
    }

    fn check(&self) -> Result<()> {
        for (place, sample) in self.samples.iter().enumerate() {
            let twice = self.samples[..place]
                .iter()
                .any(|other| (&other.name, &other.labels) == (&sample.name, &sample.labels));
            ensure!(!twice, "{sample:?} comes twice");
        }
        for (name, _) in self.types.iter().filter(|(_, kind)| *kind == "histogram") {
            self.check_histogram(name)?;
        }
        Ok(())
    }

    fn check_histogram(&self, name: &str) -> Result<()> {
        let mut series: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
        for sample in self.samples.iter().filter(|sample| sample.name == format!("{name}_bucket")) {
            let mut labels = sample.labels.clone();
            let bound = labels.remove("le").with_context(|| format!("{sample:?} has no bound"))?;
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse()? };
            series.entry(labels).or_default().push((bound, sample.value));
        }
        for (labels, buckets) in series {
            let of = |suffix: &str| {
                let name = format!("{name}{suffix}");
                let found = self.samples.iter().find(|sample| sample.name == name && sample.labels == labels);
                found.map(|sample| sample.value).with_context(|| format!("{name} of {labels:?} is missing"))
            };
            let grows = buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
            ensure!(grows, "the buckets of {name} {labels:?} do not grow: {buckets:?}");
            let last = buckets.last().copied();
            ensure!(last == Some((f64::INFINITY, of("_count")?)), "{name} {labels:?} ends with {last:?}");
            ensure!(of("_sum")? >= 0.0, "{name} {labels:?} has a negative sum");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn text_is_read_and_what_prometheus_refuses_is_refused() {
        let right = "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"1\"} 2\n\
                     # HELP b B.\n# TYPE b histogram\nb_bucket{le=\"1\"} 1\nb_bucket{le=\"+Inf\"} 2\nb_sum 3\nb_count 2\n";
        let metrics = Metrics::read(right).await.unwrap();
        assert_eq!(metrics.value("a_total", &[("x", "1")]), Some(2.0));
        assert_eq!(metrics.value("a_total", &[("x", "2")]), None);
        assert_eq!(metrics.counters().count(), 4);
        for (from, to) in [
            (" 2\n# HELP b", " two\n# HELP b"),
            ("{x=\"1\"}", "{x=1}"),
            ("# TYPE a_total counter\n", ""),
            ("# HELP b B.\n", ""),
            ("a_total", "a"),
            ("a_total{x=\"1\"} 2\n", "a_total{x=\"1\"} 2\na_total{x=\"1\"} 3\n"),
            ("b_bucket{le=\"1\"} 1", "b_bucket{le=\"1\"} 3"),
            ("b_count 2", "b_count 3"),
            ("b_bucket{le=\"+Inf\"} 2\n", ""),
            ("b_sum 3\n", ""),
        ] {
            let wrong = right.replacen(from, to, 9);
            assert_ne!(wrong, right, "{from}");
            assert!(Metrics::read(&wrong).await.is_err(), "accepted:\n{wrong}");
        }
    }
}
