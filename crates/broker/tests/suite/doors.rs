//! Events on their way in.

use crate::support::{Bed, Subscriber, request};

const EVENT: [(&str, &str); 4] =
    [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/test"), ("ce-type", "test.event")];

fn with<'a>(headers: &[(&'a str, &'a str)], name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut all: Vec<_> = headers.iter().copied().filter(|(other, _)| *other != name).collect();
    all.push((name, value));
    all
}

fn without<'a>(name: &str) -> Vec<(&'a str, &'a str)> {
    EVENT.into_iter().filter(|(other, _)| *other != name).collect()
}

pub async fn the_ingress_answers_as_knative_does(bed: &Bed) {
    let running = bed.start(Vec::new()).await;
    let path = format!("/{}/default", bed.namespace);
    let json = |body: &str| body.to_owned();
    let structured = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"a":1}}"#;
    type Case<'a> = (u16, &'a str, &'a str, String, Vec<(&'a str, &'a str)>, String);
    let cases: Vec<Case<'_>> = vec![
        (202, "binary", "POST", path.clone(), EVENT.to_vec(), json("{}")),
        (202, "no data", "POST", path.clone(), EVENT.to_vec(), json("")),
        (
            202,
            "structured",
            "POST",
            path.clone(),
            vec![("content-type", "application/cloudevents+json")],
            json(structured),
        ),
        (
            202,
            "structured with a charset",
            "POST",
            path.clone(),
            vec![("content-type", "Application/CloudEvents+json; charset=utf-8")],
            json(structured),
        ),
        (
            400,
            "no event at all",
            "POST",
            path.clone(),
            vec![("content-type", "application/json")],
            json("{}"),
        ),
        (400, "no id", "POST", path.clone(), without("ce-id"), json("{}")),
        (400, "no source", "POST", path.clone(), without("ce-source"), json("{}")),
        (400, "no type", "POST", path.clone(), without("ce-type"), json("{}")),
        (400, "no specversion", "POST", path.clone(), without("ce-specversion"), json("{}")),
        (
            400,
            "an unknown specversion",
            "POST",
            path.clone(),
            with(&EVENT, "ce-specversion", "9.9"),
            json("{}"),
        ),
        (400, "an illegal attribute", "POST", path.clone(), with(&EVENT, "ce-bad_name", "x"), json("{}")),
        (
            400,
            "a batch",
            "POST",
            path.clone(),
            vec![("content-type", "application/cloudevents-batch+json")],
            json("[]"),
        ),
        (
            400,
            "another format",
            "POST",
            path.clone(),
            vec![("content-type", "application/cloudevents+avro")],
            json("x"),
        ),
        (
            400,
            "broken JSON",
            "POST",
            path.clone(),
            vec![("content-type", "application/cloudevents+json")],
            json("{"),
        ),
        (
            400,
            "structured without a type",
            "POST",
            path.clone(),
            vec![("content-type", "application/cloudevents+json")],
            json(r#"{"specversion":"1.0","id":"1","source":"/s"}"#),
        ),
        (404, "an unknown broker", "POST", format!("/{}/other", bed.namespace), EVENT.to_vec(), json("{}")),
        (404, "the root", "POST", "/".to_owned(), EVENT.to_vec(), json("{}")),
        (404, "a longer path", "POST", format!("{path}/x"), EVENT.to_vec(), json("{}")),
        (405, "GET", "GET", path.clone(), Vec::new(), json("")),
        (405, "PUT", "PUT", path.clone(), EVENT.to_vec(), json("{}")),
        (405, "GET elsewhere", "GET", "/".to_owned(), Vec::new(), json("")),
    ];
    for (status, name, method, path, headers, body) in cases {
        let got = request(method, &format!("{}{path}", running.ingress), &headers, body).await;
        assert_eq!(got.status, status, "{name}: {}", got.body);
        assert_eq!(
            got.body.is_empty(),
            status == 202,
            "{name}: an answer explains itself unless all is well"
        );
        assert!(!got.headers.contains_key("retry-after"), "{name}");
    }
    assert_eq!(bed.records(&bed.broker_topic(), 4).await.len(), 4);
}

pub async fn an_event_over_the_limit_is_refused_and_the_next_is_taken(bed: &Bed) {
    let running = bed.start(Vec::new()).await;
    let data = |bytes: usize| "x".repeat(bytes);
    assert_eq!(running.post(&EVENT, data(1_040_000)).await.status, 202, "below 1 MiB");
    for bytes in [1_048_577, 3_000_000] {
        let got = running.post(&EVENT, data(bytes)).await;
        assert_eq!(got.status, 503, "{bytes} bytes");
        assert!(got.body.contains("at most"), "{}", got.body);
        assert!(!got.headers.contains_key("retry-after"), "trying again does not help");
    }
    assert_eq!(running.post(&EVENT, "{}").await.status, 202);
}

pub async fn structured_events_become_binary_records(bed: &Bed) {
    let running = bed.start(Vec::new()).await;
    let event = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","partitionkey":"zoë","number":7,"flag":true,
        "nothing":null,"datacontenttype":"text/plain","data":"plain"}"#;
    let json = [("content-type", "application/cloudevents+json")];
    assert_eq!(running.post(&json, event).await.status, 202);
    let base64 = r#"{"specversion":"1.0","id":"2","source":"/s","type":"t","partitionkey":"zoë","data_base64":"AP8="}"#;
    assert_eq!(running.post(&json, base64).await.status, 202);
    let object =
        r#"{"specversion":"1.0","id":"3","source":"/s","type":"t","partitionkey":"zoë","data":{"b":[1,2]}}"#;
    assert_eq!(running.post(&json, object).await.status, 202);

    let records = bed.records(&bed.broker_topic(), 3).await;
    let first = &records[0].record;
    assert_eq!(first.key.as_deref(), Some("zoë".as_bytes()));
    assert_eq!(first.value, b"plain");
    let headers: std::collections::BTreeMap<_, _> = first
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), std::str::from_utf8(value).unwrap()))
        .collect();
    let expected = [
        ("ce_flag", "true"),
        ("ce_id", "1"),
        ("ce_number", "7"),
        ("ce_partitionkey", "zoë"),
        ("ce_source", "/s"),
        ("ce_specversion", "1.0"),
        ("ce_type", "t"),
        ("content-type", "text/plain"),
    ];
    assert_eq!(headers, expected.into());
    assert_eq!(records[1].record.value, [0, 255]);
    assert_eq!(records[2].record.value, br#"{"b":[1,2]}"#);
}

pub async fn records_carry_the_event_byte_for_byte(bed: &Bed) {
    let running = bed.start(Vec::new()).await;
    // Spaces, key order and invalid UTF-8 survive: binary mode is never parsed.
    let data: Vec<u8> = [b"{ \"b\" : 1,\n \"a\": 2, ".as_slice(), &[0, 255, 254], b"}"].concat();
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut headers = with(&EVENT, "content-type", "application/json; charset=x");
    headers.extend([("ce-partitionkey", "Zoë 7"), ("ce-subject", "100%"), ("traceparent", parent)]);
    assert_eq!(running.post(&headers, data.clone()).await.status, 202);
    let record = &bed.records(&bed.broker_topic(), 1).await[0].record;
    assert_eq!(record.value, data);
    assert_eq!(record.key.as_deref(), Some("Zoë 7".as_bytes()));
    for (name, value) in [
        ("content-type", "application/json; charset=x"),
        ("ce_subject", "100%"),
        ("ce_partitionkey", "Zoë 7"),
        ("traceparent", parent),
    ] {
        let found = record.headers.iter().find(|(header, _)| header == name);
        assert_eq!(found.map(|(_, value)| value.as_slice()), Some(value.as_bytes()), "{name}");
    }
}

pub async fn kafka_sinks_write_their_mode(bed: &Bed) {
    let running = bed.start(Vec::new()).await;
    let headers = with(&with(&EVENT, "content-type", "application/json"), "ce-partitionkey", "k");
    for (sink, status) in [("binary", 202), ("structured", 202), ("missing", 404)] {
        let url = format!("{}/{}/{sink}", running.sinks, bed.namespace);
        assert_eq!(request("POST", &url, &headers, r#"{"a":1}"#).await.status, status, "{sink}");
    }
    let binary = &bed.records(&bed.sink_topic("binary"), 1).await[0].record;
    assert_eq!((binary.key.as_deref(), binary.value.as_slice()), (Some(&b"k"[..]), &br#"{"a":1}"#[..]));
    assert!(binary.headers.contains(&("ce_type".to_owned(), b"test.event".to_vec())));

    let structured = &bed.records(&bed.sink_topic("structured"), 1).await[0].record;
    assert_eq!(structured.key.as_deref(), Some(&b"k"[..]));
    let media_type = b"application/cloudevents+json; charset=UTF-8".to_vec();
    assert_eq!(structured.headers, [("content-type".to_owned(), media_type)]);
    let event: serde_json::Value = serde_json::from_slice(&structured.value).unwrap();
    let expected = serde_json::json!({
        "specversion": "1.0", "id": "1", "source": "/test", "type": "test.event", "partitionkey": "k",
        "datacontenttype": "application/json", "data": {"a": 1}
    });
    assert_eq!(event, expected);

    // A broker's door is no sink's door.
    let subscriber = Subscriber::accepting().await;
    let url = format!("{}/{}/binary", running.ingress, bed.namespace);
    assert_eq!(request("POST", &url, &headers, "{}").await.status, 404);
    drop(subscriber);
}
