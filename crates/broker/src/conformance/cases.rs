//! The cases. Sources: Knative's data plane specification, and the Kafka broker's observed behaviour.

use learnflow_topology::graph::{BackoffPolicy, DeliveryOrder, Filter};

use super::{Answer, Case, DeclaredBy, Delivered, Door, Expected, Is, Legacy, Order, Post};

const JSON: &str = "application/json";
const STRUCTURED: &str = "application/cloudevents+json";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// What every span of the same trace begins with.
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-";
/// Nothing listens there, wherever the dispatcher runs.
const REFUSING: &str = "http://127.0.0.1:1/";

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut all = ingress();
    all.extend(filters());
    all.extend(delivery());
    all.extend(answers());
    all.extend(dead_letters());
    all
}

fn case(name: &'static str, says: &'static str) -> Case {
    Case {
        name,
        says,
        filters: Vec::new(),
        legacy: None,
        subscriber: None,
        delivery: Delivered {
            by: DeclaredBy::Trigger,
            retry: 2,
            policy: BackoffPolicy::Linear,
            delay_ms: 100,
            timeout_ms: 5_000,
            order: DeliveryOrder::Unordered,
            dead_letters: true,
        },
        posts: vec![binary("e")],
        answers: vec![status(200)],
        dead_letter_answer: status(200),
        expected: vec![at(Door::Subscriber, "e", 1)],
        least_pauses_ms: Vec::new(),
        order: Order::Any,
        one_partition: false,
    }
}

fn binary(id: &'static str) -> Post {
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-id", "{id}"),
        ("ce-source", "/conformance"),
        ("ce-type", "{type}"),
        ("content-type", JSON),
    ];
    Post {
        method: "POST",
        path_suffix: "",
        headers: headers.map(|(name, value)| (name, value.to_owned())).to_vec(),
        body: "{ \"n\" : 1 }".to_owned(),
        id,
        status: 202,
    }
}

impl Post {
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self
    }

    fn refused(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    fn json(mut self, content_type: &str, body: &str) -> Self {
        self.headers = vec![("content-type", content_type.to_owned())];
        body.clone_into(&mut self.body);
        self
    }
}

fn status(status: u16) -> Answer {
    Answer { status, headers: Vec::new(), body: String::new(), delay_ms: 0, broken: false }
}

fn reply() -> Answer {
    let headers = vec![
        ("ce-specversion", "1.0"),
        ("ce-id", "re-{id}"),
        ("ce-source", "/conformance/subscriber"),
        ("ce-type", "{type}.reply"),
        ("content-type", JSON),
    ];
    Answer { headers, body: "{ \"reply\" : true }".to_owned(), ..status(200) }
}

fn at(door: Door, id: &'static str, times: usize) -> Expected {
    Expected { door, id, times, headers: Vec::new(), body: None, after_ms: 0 }
}

fn text(value: &str) -> Is {
    Is::Text(value.to_owned())
}

fn exact(name: &str, value: &str) -> Filter {
    Filter::Exact([(name.to_owned(), value.to_owned())].into())
}

fn ingress() -> Vec<Case> {
    let structured =
        r#"{"specversion":"1.0","id":"{id}","source":"/conformance","type":"{type}","n":7,"data":{"a":1}}"#;
    let refused = |name, says, post: Post| Case { posts: vec![post], expected: vec![], ..case(name, says) };
    vec![
        Case {
            expected: vec![Expected {
                headers: vec![
                    ("content-type", text(JSON)),
                    ("ce-n", text("7")),
                    ("ce-specversion", text("1.0")),
                    ("ce-source", text("/conformance")),
                ],
                body: Some(r#"{"a":1}"#.to_owned()),
                ..at(Door::Subscriber, "e", 1)
            }],
            posts: vec![binary("e").json(STRUCTURED, structured)],
            ..case("structured", "An event in structured mode is taken (202) and delivered in binary mode.")
        },
        Case {
            posts: vec![Post { body: String::new(), ..binary("e").without("content-type") }],
            ..case("no-data", "An event without data is taken and delivered.")
        },
        refused(
            "not-an-event",
            "A request that is no CloudEvent is 400.",
            binary("e").json(JSON, "{}").refused(400),
        ),
        refused("no-id", "An event without id is 400.", binary("e").without("ce-id").refused(400)),
        refused("no-type", "An event without type is 400.", binary("e").without("ce-type").refused(400)),
        refused(
            "no-source",
            "An event without source is 400.",
            binary("e").without("ce-source").refused(400),
        ),
        refused(
            "batch",
            "A batch is 400.",
            binary("e").json("application/cloudevents-batch+json", "[]").refused(400),
        ),
        refused(
            "unknown-path",
            "A path that is no broker's is 404.",
            Post { path_suffix: "-that-does-not-exist", ..binary("e").refused(404) },
        ),
        refused("method", "Any method but POST is 405.", Post { method: "PUT", ..binary("e").refused(405) }),
        refused(
            "too-large",
            "An event over 1 MiB is 503.",
            Post { body: "x".repeat(1_100_000), ..binary("e").refused(503) },
        ),
    ]
}

fn filters() -> Vec<Case> {
    let attribute = |id, value: &str| binary(id).with("ce-agent", value);
    let named = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into();
    let filtered = |name, says, filter: Filter, wanted: &[&'static str]| Case {
        filters: vec![filter],
        posts: vec![attribute("debug", "debug"), attribute("debugger", "debugger"), binary("none")],
        expected: wanted.iter().map(|id| at(Door::Subscriber, id, 1)).collect(),
        ..case(name, says)
    };
    vec![
        filtered("exact", "exact: an attribute equals the value.", exact("agent", "debug"), &["debug"]),
        filtered(
            "prefix",
            "prefix: an attribute starts with the value.",
            Filter::Prefix(named("agent", "debug")),
            &["debug", "debugger"],
        ),
        filtered(
            "suffix",
            "suffix: an attribute ends with the value.",
            Filter::Suffix(named("agent", "ger")),
            &["debugger"],
        ),
        filtered(
            "all",
            "all: every expression matches.",
            Filter::All(vec![Filter::Prefix(named("agent", "debug")), Filter::Suffix(named("agent", "ger"))]),
            &["debugger"],
        ),
        filtered(
            "any",
            "any: one of the expressions matches.",
            Filter::Any(vec![exact("agent", "debug"), exact("agent", "debugger")]),
            &["debug", "debugger"],
        ),
        filtered(
            "not",
            "not: the expression does not match, which is also so when the attribute is missing.",
            Filter::Not(Box::new(exact("agent", "debug"))),
            &["debugger", "none"],
        ),
        Case {
            filters: Vec::new(),
            legacy: Some(Legacy { attributes: named("agent", "debug"), beside_filters: false }),
            ..filtered(
                "legacy-filter",
                "filter, the older form: every attribute equals its value.",
                exact("agent", "debug"),
                &["debug"],
            )
        },
        Case {
            legacy: Some(Legacy { attributes: named("agent", "debugger"), beside_filters: true }),
            ..filtered(
                "filters-win",
                "Where a Trigger has both, filters wins over filter.",
                exact("agent", "debug"),
                &["debug"],
            )
        },
        Case {
            filters: vec![Filter::Prefix(named("agent", "debug")), Filter::Suffix(named("agent", "ger"))],
            ..filtered(
                "filters-anded",
                "All filters of a Trigger have to match.",
                exact("agent", ""),
                &["debugger"],
            )
        },
    ]
}

fn delivery() -> Vec<Case> {
    const MANY: [&str; 6] = ["e1", "e2", "e3", "e4", "e5", "e6"];
    let many = || Case {
        posts: MANY.iter().map(|id| binary(id).with("ce-partitionkey", "k")).collect(),
        expected: MANY.iter().map(|id| at(Door::Subscriber, id, 1)).collect(),
        ..case("", "")
    };
    let ordered = |order| Delivered { order, ..case("", "").delivery };
    vec![
        Case {
            posts: vec![
                binary("e").with("ce-partitionkey", "k").with("ce-subject", "s").with("traceparent", PARENT),
            ],
            expected: vec![Expected {
                headers: vec![
                    ("prefer", text("reply")),
                    ("kn-namespace", Is::Namespace),
                    ("ce-knativekafkapartition", Is::There),
                    ("ce-knativekafkaoffset", Is::There),
                    ("ce-partitionkey", text("k")),
                    ("ce-subject", text("s")),
                    ("traceparent", Is::Begins(TRACE.to_owned())),
                    ("ce-knativeerrordest", Is::Absent),
                ],
                body: Some("{ \"n\" : 1 }".to_owned()),
                ..at(Door::Subscriber, "e", 1)
            }],
            ..case(
                "request",
                "A delivery is a POST in binary mode with Prefer, the Broker's namespace, partition and offset; data is byte for byte; the same trace goes on.",
            )
        },
        Case {
            posts: vec![binary("e"), binary("e"), binary("e")],
            expected: vec![at(Door::Subscriber, "e", 3)],
            ..case(
                "repeats",
                "Repeated events are delivered as often as they come: telling them apart is the consumer's part.",
            )
        },
        Case {
            expected: vec![Expected {
                headers: vec![("ce-partitionkey", Is::Absent), ("ce-knativekafkapartition", Is::There)],
                ..at(Door::Subscriber, "e", 1)
            }],
            ..case("no-key", "An event without partitionkey is taken, and delivered from any partition.")
        },
        Case {
            one_partition: true,
            name: "one-partition",
            says: "Events with the same partitionkey are in the same partition.",
            ..many()
        },
        Case {
            delivery: ordered(DeliveryOrder::Ordered),
            answers: vec![Answer { delay_ms: 30, ..status(200) }],
            order: Order::OneAtATime,
            name: "ordered",
            says: "Ordered delivery: of one partition, the next event is sent when the last is done.",
            ..many()
        },
        Case {
            delivery: ordered(DeliveryOrder::Unordered),
            answers: vec![Answer { delay_ms: 1_000, ..status(200) }],
            order: Order::Overlapping,
            name: "unordered",
            says: "Unordered delivery: of one partition, the next event does not wait for a slow one.",
            ..many()
        },
    ]
}

fn answers() -> Vec<Case> {
    let dead = |times| vec![at(Door::Subscriber, "e", times), at(Door::DeadLetters, "e", 1)];
    let answered = |name, says, answer: Answer, expected: Vec<Expected>| Case {
        answers: vec![answer],
        expected,
        ..case(name, says)
    };
    let once = || vec![at(Door::Subscriber, "e", 1)];
    vec![
        answered("answer-202", "2xx without a body: done.", status(202), once()),
        answered("answer-204", "204: done.", status(204), once()),
        Case {
            answers: vec![reply()],
            expected: vec![
                at(Door::Subscriber, "e", 1),
                Expected {
                    headers: vec![("ce-source", text("/conformance/subscriber"))],
                    body: Some("{ \"reply\" : true }".to_owned()),
                    ..at(Door::Replies, "re-e", 1)
                },
            ],
            ..case("answer-event", "200 with an event: the reply goes back into the broker.")
        },
        answered(
            "answer-text",
            "2xx with a body that is no event: dead letter at once.",
            Answer {
                headers: vec![("content-type", "text/plain")],
                body: "thanks".to_owned(),
                ..status(200)
            },
            dead(1),
        ),
        answered(
            "answer-301",
            "A redirect: dead letter at once, not followed.",
            Answer { headers: vec![("location", "/elsewhere")], ..status(301) },
            dead(1),
        ),
        answered("answer-400", "400: dead letter at once.", status(400), dead(1)),
        answered("answer-401", "401: dead letter at once.", status(401), dead(1)),
        answered("answer-413", "413: dead letter at once.", status(413), dead(1)),
        answered("answer-422", "422: dead letter at once.", status(422), dead(1)),
        answered("answer-404", "404: retried, then dead letter.", status(404), dead(3)),
        answered("answer-408", "408: retried, then dead letter.", status(408), dead(3)),
        answered("answer-409", "409: retried, then dead letter.", status(409), dead(3)),
        answered("answer-429", "429: retried, then dead letter.", status(429), dead(3)),
        answered("answer-500", "500: retried, then dead letter.", status(500), dead(3)),
        answered("answer-503", "503: retried, then dead letter.", status(503), dead(3)),
        Case {
            answers: vec![status(503), status(200)],
            expected: vec![at(Door::Subscriber, "e", 2)],
            ..case("recovers", "A try that succeeds ends the retries.")
        },
        Case {
            delivery: Delivered { timeout_ms: 500, ..case("", "").delivery },
            answers: vec![Answer { delay_ms: 3_000, ..status(200) }, status(200)],
            expected: vec![at(Door::Subscriber, "e", 2)],
            ..case("timeout", "No answer within the timeout: retried.")
        },
        Case {
            subscriber: Some(REFUSING),
            expected: vec![Expected {
                headers: vec![
                    ("ce-knativeerrordest", Is::SubscriberUrl),
                    ("ce-knativeerrorcode", Is::Absent),
                    ("ce-knativeerrordata", Is::Absent),
                ],
                // The pauses before both retries.
                after_ms: 300,
                ..at(Door::DeadLetters, "e", 1)
            }],
            ..case(
                "refused",
                "A connection that is refused: retried, then dead letter, which has no knativeerrorcode without an answer.",
            )
        },
        Case {
            answers: vec![Answer { body: "cut".to_owned(), broken: true, ..status(200) }],
            expected: vec![
                at(Door::Subscriber, "e", 3),
                Expected {
                    headers: vec![("ce-knativeerrorcode", Is::Absent)],
                    ..at(Door::DeadLetters, "e", 1)
                },
            ],
            ..case(
                "broken",
                "A connection that breaks before the answer is complete: retried, then dead letter.",
            )
        },
        Case {
            answers: vec![status(503)],
            expected: dead(3),
            least_pauses_ms: vec![100, 200],
            ..case("linear", "Linear backoff waits d·n before retry n.")
        },
        Case {
            delivery: Delivered { policy: BackoffPolicy::Exponential, ..case("", "").delivery },
            answers: vec![status(503)],
            expected: dead(3),
            least_pauses_ms: vec![200, 400],
            ..case("exponential", "Exponential backoff waits d·2^n before retry n.")
        },
    ]
}

fn dead_letters() -> Vec<Case> {
    let no = |case: Case| Case { delivery: Delivered { dead_letters: false, ..case.delivery }, ..case };
    let by = |by, case: Case| Case { delivery: Delivered { by, ..case.delivery }, ..case };
    vec![
        Case {
            answers: vec![Answer {
                headers: vec![("kne-reason", "full")],
                body: "é".repeat(1_000),
                ..status(422)
            }],
            expected: vec![
                at(Door::Subscriber, "e", 1),
                Expected {
                    headers: vec![
                        ("ce-knativeerrordest", Is::SubscriberUrl),
                        ("ce-knativeerrorcode", text("422")),
                        // 512 times é: base64 of C3 A9 C3 A9 …, 1,024 bytes.
                        ("ce-knativeerrordata", Is::Text(format!("{}w6nDqQ==", "w6nDqcOp".repeat(170)))),
                        ("ce-reason", text("full")),
                    ],
                    body: Some("{ \"n\" : 1 }".to_owned()),
                    ..at(Door::DeadLetters, "e", 1)
                },
            ],
            ..case(
                "dead-letter",
                "A dead letter is the event with knativeerrordest, -code, -data (base64 of the first 1,024 bytes) and the subscriber's kne- headers.",
            )
        },
        Case {
            answers: vec![status(400)],
            dead_letter_answer: reply(),
            expected: vec![
                at(Door::Subscriber, "e", 1),
                at(Door::DeadLetters, "e", 1),
                at(Door::Replies, "re-e", 1),
            ],
            ..case(
                "dead-letter-reply",
                "An event that the dead-letter sink answers with goes into the broker.",
            )
        },
        Case {
            answers: vec![status(400)],
            dead_letter_answer: status(503),
            expected: vec![at(Door::Subscriber, "e", 1), at(Door::DeadLetters, "e", 3)],
            ..case(
                "dead-letter-fails",
                "A failing dead-letter sink is retried like a subscriber; then the event is gone.",
            )
        },
        no(Case {
            answers: vec![status(400)],
            posts: vec![
                binary("e").with("ce-partitionkey", "k"),
                binary("next").with("ce-partitionkey", "k"),
            ],
            expected: vec![at(Door::Subscriber, "e", 1), at(Door::Subscriber, "next", 1)],
            ..case(
                "no-dead-letter-sink",
                "Without a dead-letter sink a failed event is gone, and the next is delivered.",
            )
        }),
        by(
            DeclaredBy::Broker,
            Case {
                answers: vec![status(503)],
                expected: vec![at(Door::Subscriber, "e", 2), at(Door::BrokerDeadLetters, "e", 1)],
                ..case("inherited-delivery", "A Trigger without a delivery has its Broker's.")
            },
        ),
        by(
            DeclaredBy::TriggerBesideBroker,
            no(Case {
                answers: vec![status(503)],
                expected: vec![at(Door::Subscriber, "e", 3)],
                ..case(
                    "own-delivery",
                    "A Trigger's delivery replaces the Broker's as a whole: where it names no dead-letter sink, there is none.",
                )
            }),
        ),
    ]
}
