//! The graph as people read it: who is woken by what, and what each part may reach.

use std::{collections::BTreeMap, fmt};

use crate::graph::{DeliveryOrder, Destination, EnvValue, Filter, Graph, Service};

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "application {} {}", self.app.name, self.app.version)?;
        for (name, component) in &self.app.components {
            let routes: Vec<&str> =
                self.app.routes.iter().filter(|r| r.component == *name).map(|r| r.route.as_str()).collect();
            writeln!(f, "  {name} serves {}", routes.join(", "))?;
            writeln!(f, "    reaches {}", component.allowed_outbound_hosts.join(", "))?;
            for (variable, template) in &component.variables {
                writeln!(f, "    {variable} = {template}")?;
            }
        }
        for service in &self.services {
            write_service(f, service)?;
        }
        for broker in &self.brokers {
            let (partitions, copies) = (broker.partitions, broker.replication);
            writeln!(
                f,
                "broker {}/{}: {partitions} partitions, {copies} copies",
                broker.namespace, broker.name
            )?;
        }
        for trigger in &self.triggers {
            let filters: Vec<String> = trigger.filters.iter().map(ToString::to_string).collect();
            write!(f, "  {}: {} → {}", trigger.name, filters.join(" and "), trigger.subscriber)?;
            if trigger.order == DeliveryOrder::Ordered {
                f.write_str(", in order")?;
            }
            match &trigger.delivery {
                Some(delivery) => {
                    write!(f, "; {} retries from {:?}", delivery.retry, delivery.backoff_delay)?;
                    if let Some(timeout) = delivery.timeout {
                        write!(f, ", {timeout:?} each")?;
                    }
                    if let Some(sink) = &delivery.dead_letter_sink {
                        write!(f, ", then {sink}")?;
                    }
                    writeln!(f)?;
                }
                None => writeln!(f, "; the broker's delivery")?,
            }
        }
        for source in &self.sources {
            let topics = source.topics.join(", ");
            writeln!(f, "source {}/{}: {topics} → broker {}", source.namespace, source.name, source.broker)?;
        }
        for topic in &self.topics {
            let retention = topic.config.get("retention.ms").map_or("", String::as_str);
            let sinks: Vec<&str> =
                self.sinks.iter().filter(|sink| sink.topic == topic.name).map(|s| s.name.as_str()).collect();
            let sinks =
                if sinks.is_empty() { String::new() } else { format!(" ← sink {}", sinks.join(", ")) };
            writeln!(
                f,
                "topic {}: {}×{}, {retention} ms{sinks}",
                topic.name, topic.partitions, topic.replicas
            )?;
        }
        Ok(())
    }
}

fn write_service(f: &mut fmt::Formatter<'_>, service: &Service) -> fmt::Result {
    let kind = if service.knative { "knative service" } else { "service" };
    let (min, max) = service.scale;
    let max = max.map_or("∞".to_owned(), |max| max.to_string());
    write!(f, "{kind} {}/{}: {min} to {max} instances", service.namespace, service.name)?;
    if service.container_concurrency > 0 {
        write!(f, " of {} requests", service.container_concurrency)?;
    }
    if let Some(timeout) = service.timeout {
        write!(f, ", {timeout:?} each")?;
    }
    if !service.components.is_empty() {
        write!(f, ", runs {}", service.components.join(", "))?;
    }
    writeln!(f)?;
    for (name, value) in &service.env {
        match value {
            EnvValue::Literal(text) => writeln!(f, "    {name} = {text}")?,
            EnvValue::Secret { name: secret, key } => writeln!(f, "    {name} from secret {secret}/{key}")?,
        }
    }
    Ok(())
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service { name, path, .. } => write!(f, "{name}{path}"),
            Self::KafkaSink { name, .. } => write!(f, "sink {name}"),
            Self::Url(url) => f.write_str(url),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attributes = |f: &mut fmt::Formatter<'_>, operator: &str, map: &BTreeMap<String, String>| {
            let terms: Vec<String> =
                map.iter().map(|(name, value)| format!("{name}{operator}{value}")).collect();
            f.write_str(&terms.join(" and "))
        };
        let list = |f: &mut fmt::Formatter<'_>, word: &str, filters: &[Self]| {
            let terms: Vec<String> = filters.iter().map(ToString::to_string).collect();
            write!(f, "({})", terms.join(word))
        };
        match self {
            Self::Exact(map) => attributes(f, "=", map),
            Self::Prefix(map) => attributes(f, "^=", map),
            Self::Suffix(map) => attributes(f, "$=", map),
            Self::All(filters) => list(f, " and ", filters),
            Self::Any(filters) => list(f, " or ", filters),
            Self::Not(filter) => write!(f, "not ({filter})"),
        }
    }
}
