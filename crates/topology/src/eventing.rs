//! Brokers, Triggers, KafkaSinks and KafkaTopics, with the rules that only Knative's webhooks and controllers know.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    duration,
    error::Errors,
    graph::{
        BackoffPolicy, Broker, ContentMode, Delivery, DeliveryOrder, Destination, Filter, KafkaSink,
        KafkaSource, KafkaTopic, Trigger,
    },
    kinds::{
        eventing::{self as spec, ContentModeSpec, DeliverySpec, DestinationSpec, Dialects},
        kubernetes::ConfigMap,
        meta::Texts,
        strimzi,
    },
    node::Place,
    strict::Located,
};

/// What Knative takes when a ConfigMap is silent.
const DEFAULT_PARTITIONS: u32 = 10;
const DEFAULT_REPLICATION: u16 = 3;
/// Knative's longest timeout of a delivery.
const MAX_TIMEOUT: Duration = Duration::from_secs(600);
/// Its pause when a delivery retries without saying how long to wait.
const DEFAULT_BACKOFF: Duration = Duration::from_millis(200);

/// A Broker with its ConfigMap, which must be among the manifests.
pub(crate) fn broker<'a>(
    broker: spec::Broker,
    config_maps: &'a BTreeMap<(String, String), ConfigMap>,
    errors: &mut Errors,
) -> Option<(Broker, &'a ConfigMap)> {
    let name = &broker.metadata.name;
    match broker.metadata.annotations.get("eventing.knative.dev/broker.class") {
        Some(class) if class.value == "Kafka" => {}
        Some(class) => {
            errors.at(&class.at, format!("broker class {:?}: only Kafka is supported", class.value))
        }
        None => errors.at(&name.at, "the annotation eventing.knative.dev/broker.class: Kafka is missing"),
    }
    let Located { at, value: spec } = broker.spec;
    let Some(config) = spec.config else {
        errors.at(&at, "spec.config must name the ConfigMap with default.topic.partitions");
        return None;
    };
    let namespace = config.value.namespace.clone().unwrap_or_else(|| broker.metadata.namespace.clone());
    let key = (namespace, config.value.name.clone());
    let Some(map) = config_maps.get(&key).filter(|_| config.value.kind == "ConfigMap") else {
        errors.at(&config.at, format!("there is no {} {}/{}", config.value.kind, key.0, key.1));
        return None;
    };
    if map.data.get("bootstrap.servers").is_none_or(|servers| servers.value.is_empty()) {
        errors.at(&map.metadata.name.at, "bootstrap.servers is missing");
    }
    let broker = Broker {
        partitions: number(&map.data, "default.topic.partitions", DEFAULT_PARTITIONS, errors),
        replication: number(&map.data, "default.topic.replication.factor", DEFAULT_REPLICATION, errors),
        delivery: spec.delivery.and_then(|spec| delivery(&spec, &broker.metadata.namespace, errors)),
        namespace: broker.metadata.namespace,
        name: broker.metadata.name.value,
    };
    Some((broker, map))
}

fn number<T: std::str::FromStr + PartialEq + Default>(
    data: &Texts,
    key: &str,
    default: T,
    errors: &mut Errors,
) -> T {
    let Some(text) = data.get(key) else { return default };
    match text.value.parse::<T>() {
        Ok(number) if number != T::default() => number,
        _ => {
            errors.at(&text.at, format!("{key} is {:?}, not a whole number from 1", text.value));
            default
        }
    }
}

/// A Trigger.
pub(crate) fn trigger(trigger: spec::Trigger, at: &Place, errors: &mut Errors) -> Option<Trigger> {
    let before = errors.len();
    let namespace = trigger.metadata.namespace;
    let spec = trigger.spec.value;
    let broker = spec.broker.map(|broker| broker.value).unwrap_or_default();
    if broker.is_empty() {
        errors.at(at, "the Trigger has no broker");
    }
    let subscriber = match &spec.subscriber {
        Some(subscriber) => destination(subscriber, &namespace, errors),
        None => {
            errors.at(at, "the Trigger has no subscriber");
            None
        }
    };
    // `filters` wins over `filter`, as in Knative.
    let filters = match (spec.filters, spec.filter) {
        (Some(dialects), _) => dialects.iter().filter_map(|dialects| filter(dialects, errors)).collect(),
        (None, Some(filter)) => attributes(filter.attributes),
        (None, None) => Vec::new(),
    };
    let annotation = trigger.metadata.annotations.get("kafka.eventing.knative.dev/delivery.order");
    let order = match annotation.map(|annotation| annotation.value.as_str()) {
        None | Some("unordered") => DeliveryOrder::Unordered,
        Some("ordered") => DeliveryOrder::Ordered,
        Some(other) => {
            let at = annotation.map_or(at, |annotation| &annotation.at);
            errors.at(at, format!("delivery.order is {other:?}; expected ordered or unordered"));
            DeliveryOrder::Unordered
        }
    };
    scaling(&trigger.metadata.annotations, errors);
    let delivery = spec.delivery.and_then(|spec| delivery(&spec, &namespace, errors));
    let subscriber = subscriber.filter(|_| errors.len() == before)?;
    Some(Trigger {
        namespace,
        name: trigger.metadata.name.value,
        broker,
        filters,
        subscriber,
        delivery,
        order,
    })
}

/// Annotations by which KEDA scales the dispatcher of a Trigger or a source. Nobody else notices a misspelt one.
const SCALING: [&str; 5] = ["cooldown-period", "lag-threshold", "max-scale", "min-scale", "polling-interval"];

fn scaling(annotations: &Texts, errors: &mut Errors) {
    for (name, text) in annotations {
        let Some(name) = name.strip_prefix("autoscaling.eventing.knative.dev/") else { continue };
        if !SCALING.contains(&name) {
            let known = SCALING.join(", ");
            errors.at(
                &text.at,
                format!("unknown annotation autoscaling.eventing.knative.dev/{name}; expected {known}"),
            );
        } else if text.value.parse::<u32>().is_err() {
            errors.at(&text.at, format!("{name} is {:?}, not a whole number from 0", text.value));
        }
    }
}

/// The older `filter`: an empty value matches anything.
fn attributes(attributes: BTreeMap<String, String>) -> Vec<Filter> {
    let wanted: BTreeMap<_, _> = attributes.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    if wanted.is_empty() { Vec::new() } else { vec![Filter::Exact(wanted)] }
}

pub(crate) fn filter(dialects: &Located<Dialects>, errors: &mut Errors) -> Option<Filter> {
    let Dialects { exact, prefix, suffix, all, any, not, cesql } = &dialects.value;
    let set = [
        exact.is_some(),
        prefix.is_some(),
        suffix.is_some(),
        all.is_some(),
        any.is_some(),
        not.is_some(),
        cesql.is_some(),
    ];
    if set.iter().filter(|set| **set).count() != 1 {
        errors.at(&dialects.at, "a filter has exactly one of exact, prefix, suffix, all, any, not");
        return None;
    }
    let at = &dialects.at;
    if cesql.is_some() {
        errors.at(at, "CESQL filters are not supported: write exact, prefix, suffix, all, any or not");
    }
    let mut attributes = |map: &BTreeMap<String, String>| {
        if map.is_empty() {
            errors.at(at, "the filter names no attribute");
        }
        for (name, value) in map {
            // The names that CloudEvents allows.
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()) {
                errors.at(at, format!("{name:?} is no attribute: lower-case letters and digits"));
            }
            if value.is_empty() {
                errors.at(at, format!("attribute {name} has an empty value"));
            }
        }
        map.clone()
    };
    let flat = match (exact, prefix, suffix) {
        (Some(map), ..) => Some(Filter::Exact(attributes(map))),
        (_, Some(map), _) => Some(Filter::Prefix(attributes(map))),
        (.., Some(map)) => Some(Filter::Suffix(attributes(map))),
        _ => None,
    };
    if flat.is_some() {
        return flat;
    }
    let mut each = |list: &[Located<Dialects>]| -> Vec<Filter> {
        if list.is_empty() {
            errors.at(at, "the list of filters is empty");
        }
        list.iter().filter_map(|dialects| filter(dialects, errors)).collect()
    };
    match (all, any, not) {
        (Some(list), ..) => Some(Filter::All(each(list))),
        (_, Some(list), _) => Some(Filter::Any(each(list))),
        (.., Some(inner)) => filter(inner, errors).map(|inner| Filter::Not(Box::new(inner))),
        _ => None,
    }
}

fn delivery(spec: &Located<DeliverySpec>, namespace: &str, errors: &mut Errors) -> Option<Delivery> {
    let DeliverySpec { retry, backoff_policy, backoff_delay, timeout, dead_letter_sink } = &spec.value;
    let retry = match retry {
        Some(Located { at, value }) => u32::try_from(*value).unwrap_or_else(|_| {
            errors.at(at, format!("retry is {value}, not a number from 0"));
            0
        }),
        None => 0,
    };
    let backoff_policy = match backoff_policy.as_ref().map(|policy| (policy, policy.value.as_str())) {
        None | Some((_, "exponential")) => BackoffPolicy::Exponential,
        Some((_, "linear")) => BackoffPolicy::Linear,
        Some((policy, other)) => {
            errors.at(&policy.at, format!("backoffPolicy is {other:?}; expected linear or exponential"));
            BackoffPolicy::Exponential
        }
    };
    let mut iso = |text: &Option<Located<String>>, name: &str| {
        let Located { at, value } = text.as_ref()?;
        let parsed = duration::parse(value);
        if parsed.is_none() {
            errors.at(at, format!("{name} is {value:?}, not an ISO 8601 duration such as PT0.5S"));
        }
        parsed
    };
    let backoff_delay = iso(backoff_delay, "backoffDelay").unwrap_or(DEFAULT_BACKOFF);
    let limit = iso(timeout, "timeout");
    if let (Some(limit), Some(text)) = (limit, timeout)
        && (limit > MAX_TIMEOUT || limit.is_zero())
    {
        errors.at(&text.at, format!("timeout is {}, outside PT0S to PT600S", text.value));
    }
    let dead_letter_sink = dead_letter_sink.as_ref().and_then(|sink| destination(sink, namespace, errors));
    Some(Delivery { retry, backoff_policy, backoff_delay, timeout: limit, dead_letter_sink })
}

fn destination(spec: &Located<DestinationSpec>, namespace: &str, errors: &mut Errors) -> Option<Destination> {
    let at = &spec.at;
    match (&spec.value.reference, &spec.value.uri) {
        (None, None) => {
            errors.at(at, "a destination has a ref, a uri, or both");
            None
        }
        (None, Some(uri)) if uri.value.starts_with("http://") || uri.value.starts_with("https://") => {
            Some(Destination::Url(uri.value.clone()))
        }
        (None, Some(uri)) => {
            errors.at(&uri.at, "a uri without ref is an absolute http address");
            None
        }
        (Some(reference), uri) => {
            let path = match uri {
                Some(uri) if !uri.value.starts_with('/') => {
                    errors.at(&uri.at, "a uri beside a ref is a path that begins with /");
                    return None;
                }
                uri => uri.as_ref().map(|uri| uri.value.clone()),
            };
            let namespace = reference.namespace.clone().unwrap_or_else(|| namespace.to_owned());
            let name = reference.name.clone();
            match (reference.api_version.as_deref().unwrap_or_default(), reference.kind.as_str()) {
                ("serving.knative.dev/v1" | "v1", "Service") => {
                    Some(Destination::Service { namespace, name, path: path.unwrap_or_else(|| "/".into()) })
                }
                ("eventing.knative.dev/v1alpha1", "KafkaSink") if path.is_none() => {
                    Some(Destination::KafkaSink { namespace, name })
                }
                (api_version, kind) => {
                    errors.at(at, format!("cannot send events to {kind} of {api_version:?}"));
                    None
                }
            }
        }
    }
}

/// A KafkaSink.
pub(crate) fn kafka_sink(sink: spec::KafkaSink, at: &Place, errors: &mut Errors) -> KafkaSink {
    let spec = sink.spec.value;
    if spec.bootstrap_servers.is_empty() {
        errors.at(at, "the KafkaSink has no bootstrapServers");
    }
    if spec.topic.value.is_empty() {
        errors.at(&spec.topic.at, "the KafkaSink has no topic");
    }
    for (field, name) in
        [(&spec.num_partitions, "numPartitions"), (&spec.replication_factor, "replicationFactor")]
    {
        if let Some(Located { at, value }) = field
            && *value <= 0
        {
            errors.at(at, format!("{name} is {value}, not a number from 1"));
        }
    }
    KafkaSink {
        namespace: sink.metadata.namespace,
        name: sink.metadata.name.value,
        topic: spec.topic.value,
        content_mode: match spec.content_mode {
            Some(ContentModeSpec::Binary) => ContentMode::Binary,
            Some(ContentModeSpec::Structured) | None => ContentMode::Structured,
        },
    }
}

/// A KafkaTopic.
pub(crate) fn kafka_topic(topic: strimzi::KafkaTopic, errors: &mut Errors) -> KafkaTopic {
    let spec = topic.spec.value;
    if !topic.metadata.labels.contains_key("strimzi.io/cluster") {
        errors.at(
            &topic.metadata.name.at,
            "the label strimzi.io/cluster is missing: no operator would act on it",
        );
    }
    for (at, zero, name) in [
        (&spec.partitions.at, spec.partitions.value == 0, "partitions"),
        (&spec.replicas.at, spec.replicas.value == 0, "replicas"),
    ] {
        if zero {
            errors.at(at, format!("{name} is 0"));
        }
    }
    KafkaTopic {
        name: spec.topic_name.unwrap_or(topic.metadata.name.value),
        partitions: spec.partitions.value,
        replicas: spec.replicas.value,
        config: spec.config.into_iter().map(|(name, value)| (name, value.0)).collect(),
    }
}

/// A KafkaSource; its sink is a Broker.
pub(crate) fn kafka_source(
    source: spec::KafkaSource,
    at: &Place,
    errors: &mut Errors,
) -> Option<KafkaSource> {
    scaling(&source.metadata.annotations, errors);
    let spec = source.spec.value;
    for (empty, name) in
        [(spec.bootstrap_servers.is_empty(), "bootstrapServers"), (spec.topics.is_empty(), "topics")]
    {
        if empty {
            errors.at(at, format!("the KafkaSource has no {name}"));
        }
    }
    for (field, name, known) in [
        (&spec.initial_offset, "initialOffset", ["earliest", "latest"]),
        (&spec.ordering, "ordering", ["ordered", "unordered"]),
    ] {
        if let Some(Located { at, value }) = field
            && !known.contains(&value.as_str())
        {
            errors.at(at, format!("{name} is {value:?}; expected {}", known.join(" or ")));
        }
    }
    let Some(sink) = spec.sink else {
        errors.at(at, "the KafkaSource has no sink");
        return None;
    };
    let broker = match &sink.value.reference {
        Some(reference) if reference.kind == "Broker" && sink.value.uri.is_none() => reference.name.clone(),
        _ => {
            errors.at(&sink.at, "the sink of a KafkaSource is a Broker, by ref");
            return None;
        }
    };
    let namespace = source.metadata.namespace;
    Some(KafkaSource {
        delivery: spec.delivery.and_then(|spec| delivery(&spec, &namespace, errors)),
        name: source.metadata.name.value,
        topics: spec.topics,
        consumer_group: spec.consumer_group.unwrap_or_default(),
        broker,
        namespace,
    })
}
