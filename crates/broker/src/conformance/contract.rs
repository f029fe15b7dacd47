//! The cases as the contract of Knative's Kafka data plane, for one that runs without a control plane.
//!
//! Source: the protobuf message `Contract` of knative-extensions/eventing-kafka-broker, in its JSON form: what the
//! control plane writes into the ConfigMap that receiver and dispatcher watch.

use std::collections::BTreeMap;

use learnflow_topology::graph::{BackoffPolicy, Delivery, DeliveryOrder, Destination, Filter, Trigger};
use serde_json::{Value, json};

/// The Broker `namespace/name` on the Kafka at `bootstrap_servers`, with the Triggers of all cases.
pub fn contract(namespace: &str, name: &str, sink_url: &str, bootstrap_servers: &str) -> Value {
    let egresses: Vec<Value> = super::cases()
        .iter()
        .flat_map(|case| {
            let [trigger, replies] = case.triggers(namespace, name, sink_url);
            let own = egress(&trigger, case.dialects(), case.attributes());
            [own, egress(&replies, Some(replies.filters.clone()), None)]
        })
        .collect();
    json!({
        "generation": 1,
        "resources": [{
            "uid": format!("{namespace}-{name}"),
            "topics": [crate::broker_topic(namespace, name)],
            "bootstrapServers": bootstrap_servers,
            "ingress": { "path": format!("/{namespace}/{name}") },
            "egressConfig": delivery(&super::broker_delivery(sink_url)),
            "egresses": egresses,
            "absentAuth": {},
            "reference": { "uuid": format!("{namespace}-{name}"), "namespace": namespace, "name": name },
        }],
    })
}

fn egress(
    trigger: &Trigger,
    filters: Option<Vec<Filter>>,
    attributes: Option<BTreeMap<String, String>>,
) -> Value {
    let order = match trigger.order {
        DeliveryOrder::Ordered => "ORDERED",
        DeliveryOrder::Unordered => "UNORDERED",
    };
    let mut egress = json!({
        "uid": trigger.name,
        "consumerGroup": crate::trigger_group(&trigger.namespace, &trigger.name),
        "destination": address(&trigger.subscriber),
        "replyToOriginalTopic": {},
        "deliveryOrder": order,
        "vReplicas": 1,
        "reference": { "uuid": trigger.name, "namespace": trigger.namespace, "name": trigger.name },
    });
    // Without one of its own, an egress has its resource's.
    if let Some(own) = &trigger.delivery {
        egress["egressConfig"] = delivery(own);
    }
    if let Some(filters) = filters {
        egress["dialectedFilter"] = filters.iter().map(filter).collect();
    }
    if let Some(attributes) = attributes {
        egress["filter"] = json!({ "attributes": attributes });
    }
    egress
}

fn delivery(delivery: &Delivery) -> Value {
    let mut value = json!({
        "retry": delivery.retry,
        "backoffPolicy": match delivery.backoff_policy {
            BackoffPolicy::Linear => "Linear",
            BackoffPolicy::Exponential => "Exponential",
        },
        "backoffDelay": u64::try_from(delivery.backoff_delay.as_millis()).unwrap_or(u64::MAX),
    });
    if let Some(timeout) = delivery.timeout {
        value["timeout"] = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).into();
    }
    if let Some(sink) = &delivery.dead_letter_sink {
        value["deadLetter"] = address(sink).into();
    }
    value
}

fn address(destination: &Destination) -> &str {
    match destination {
        Destination::Url(url) => url,
        other => unreachable!("a case delivers to URLs only, not to {other:?}"),
    }
}

fn filter(of: &Filter) -> Value {
    let all = |filters: &[Filter]| json!({ "filters": filters.iter().map(filter).collect::<Vec<_>>() });
    match of {
        Filter::Exact(attributes) => json!({ "exact": { "attributes": attributes } }),
        Filter::Prefix(attributes) => json!({ "prefix": { "attributes": attributes } }),
        Filter::Suffix(attributes) => json!({ "suffix": { "attributes": attributes } }),
        Filter::All(filters) => json!({ "all": all(filters) }),
        Filter::Any(filters) => json!({ "any": all(filters) }),
        Filter::Not(inner) => json!({ "not": { "filter": filter(inner) } }),
    }
}
