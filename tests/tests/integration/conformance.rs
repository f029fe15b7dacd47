//! What others can hold a running system to: the functions' cases on ours, and what every program tells Prometheus.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, ensure};
use learnflow_events::Agent;
use learnflow_testkit::{Metrics, Protocol, Provider, Reply, Sample};
use learnflow_tests::{Backend, System, repository, wait_for};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, OwnedResourceSpecifier, ResourceSpecifier},
    client::DefaultClientContext,
};
use serde_json::json;

use crate::kafka::OwnKafka;

const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn the_components_keep_their_contract() -> anyhow::Result<()> {
    let system = System::start(Backend::Embedded).await?;
    let report = learnflow_conformance::functions::run(&system.running.functions_url).await?;
    ensure!(report.failed() == 0 && report.skipped().is_empty(), "{report}");
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}

/// Every program's metrics, as Prometheus' own client reads them; by the name of the program.
async fn scrape(system: &System) -> anyhow::Result<BTreeMap<String, Metrics>> {
    let running = &system.running;
    let broker = reqwest::Url::parse(&running.broker_url)?.join("/metrics")?.to_string();
    let mut places = BTreeMap::from([
        ("gateway".to_owned(), format!("{}/metrics", running.gateway_url)),
        ("sandbox".to_owned(), format!("{}/metrics", running.sandbox_url)),
        ("broker and functions' host".to_owned(), broker),
    ]);
    for agent in Agent::ALL {
        places.insert(agent.to_string(), format!("{}/{agent}/metrics", running.functions_url));
    }
    let mut scraped = BTreeMap::new();
    for (program, url) in places {
        let response = system.http.get(url).send().await?;
        ensure!(response.status().is_success(), "{program}: {}", response.status());
        let metrics = Metrics::read(&response.text().await?).await.with_context(|| program.clone())?;
        scraped.insert(program, metrics);
    }
    Ok(scraped)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_programs_metrics_are_prometheus_text() -> anyhow::Result<()> {
    let system = System::start(Backend::Embedded).await?;
    // From the first scrape on there is a zero: an alert sees the first of each to come.
    let fresh = scrape(&system).await?;
    for agent in ["triage", "concepts", "debug"] {
        for kind in ["llm_errors_site_budget", "llm_errors_breaker_open"] {
            let value = fresh[agent].value("agent_occurrences_total", &[("agent", agent), ("kind", kind)]);
            ensure!(value == Some(0.0), "{agent}: {kind} is {value:?}");
        }
        let failed = [("endpoint", "events"), ("status", "failed")];
        ensure!(fresh[agent].value("agent_requests_total", &failed) == Some(0.0), "{agent}: failed");
    }

    let failing = json!({"query_text": "why does it fail?", "code": "names = ['a']\nprint(names[1])\n"});
    for _ in 0..3 {
        let turn = system.ask("ada", &failing).await?;
        system.finished_turn(turn, DEADLINE).await?;
    }
    let scraped = scrape(&system).await?;
    for (program, name, labels, value) in [
        ("triage", "agent_requests_total", vec![("endpoint", "analyze"), ("status", "routed")], 3.0),
        ("debug", "agent_requests_total", vec![("endpoint", "events"), ("status", "answered")], 3.0),
        ("triage", "agent_request_duration_seconds_count", vec![("endpoint", "analyze")], 3.0),
        ("debug", "agent_request_duration_seconds_count", vec![("endpoint", "events")], 3.0),
        ("debug", "agent_request_duration_seconds_bucket", vec![("endpoint", "events"), ("le", "60")], 3.0),
        ("debug", "agent_request_duration_seconds_count", vec![("endpoint", "diagnose")], 0.0),
        ("debug", "agent_turns_waiting", vec![], 0.0),
    ] {
        let found = scraped[program].value(name, &labels);
        ensure!(found == Some(value), "{program}: {name} {labels:?} is {found:?}, not {value}");
    }
    ensure!(scraped["debug"].value("agent_run_seconds_total", &[]) > Some(0.0), "debug ran nothing");
    for (program, name) in [
        ("gateway", "gateway_request_seconds_count"),
        ("sandbox", "sandbox_runs_total"),
        ("broker and functions' host", "broker_events_total"),
        ("broker and functions' host", "agent_queue_depth"),
        ("broker and functions' host", "learnflow_function_requests_total"),
    ] {
        ensure!(scraped[program].value(name, &[]).is_some(), "{program} says nothing of {name}");
    }
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}

/// Rows expire, are erased, change their status and are written again when an event comes twice. What was counted stays,
/// or Prometheus takes the fall for a restart and counts everything anew.
#[tokio::test(flavor = "multi_thread")]
async fn no_counter_of_an_agent_ever_falls() -> anyhow::Result<()> {
    let provider = Provider::start().await;
    provider.otherwise(|_| {
        Reply::text("A list comprehension builds a list in one expression.").usage(1_000, 100)
    });
    let system = System::start_with(provider.environment(Protocol::Anthropic, "key")).await?;
    let question = json!({"query_text": "what is a list comprehension?", "route": "concepts"});
    let turn = system.finished_turn(system.ask("ada", &question).await?, DEADLINE).await?;
    ensure!(turn["answered_by"] == "anthropic", "{turn:#}");
    let counted = async || -> anyhow::Result<BTreeMap<String, Vec<Sample>>> {
        let scraped = scrape(&system).await?;
        let agents = Agent::ALL.iter().map(|agent| {
            let samples = scraped[agent.as_str()].counters().cloned().collect();
            (agent.to_string(), samples)
        });
        Ok(agents.collect())
    };
    // Progress learns from the answer a little later.
    let before = wait_for(DEADLINE, "everybody to be done", async || {
        let counted = counted().await?;
        let learnt = counted["progress"].iter().any(|s| s.name == "agent_requests_total" && s.value > 0.0);
        Ok(learnt.then_some(counted))
    })
    .await?;
    let of_concepts = |name: &str| {
        let found = before["concepts"].iter().find(|sample| sample.name == name && sample.value > 0.0);
        found.map(|sample| sample.value)
    };
    ensure!(of_concepts("agent_tokens_total") == Some(1_000.0), "tokens: {before:#?}");
    ensure!(of_concepts("agent_model_cost_dollars_total").is_some(), "cost: {before:#?}");

    sqlx::raw_sql("DELETE FROM usage_ledger; DELETE FROM inbox; DELETE FROM query_history")
        .execute(&system.database)
        .await?;
    let after = counted().await?;
    ensure!(after == before, "counters changed with the rows:\n{before:#?}\n{after:#?}");
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}

/// `up` makes the topics of the manifests on a real Kafka, and what it made is what they say.
#[tokio::test(flavor = "multi_thread")]
async fn kafka_has_the_topics_that_the_manifests_declare() -> anyhow::Result<()> {
    let kafka = OwnKafka::start().await?;
    let (variable, servers) = kafka.environment();
    let system = System::start_with(vec![(variable, servers.clone())]).await?;
    let graph = learnflow_topology::load(repository(), "container").map_err(anyhow::Error::msg)?;
    ensure!(graph.topics.len() > 20, "only {} topics are declared", graph.topics.len());

    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &servers).create()?;
    let names: Vec<_> = graph.topics.iter().map(|topic| ResourceSpecifier::Topic(&topic.name)).collect();
    let described = admin.describe_configs(&names, &AdminOptions::new()).await?;
    let metadata = admin.inner().fetch_metadata(None, DEADLINE)?;
    for topic in &graph.topics {
        let specifier = OwnedResourceSpecifier::Topic(topic.name.clone());
        let mut answers = described.iter().filter_map(|resource| resource.as_ref().ok());
        let resource = answers.find(|resource| resource.specifier == specifier);
        let has = resource.with_context(|| format!("there is no topic {}", topic.name))?.entry_map();
        ensure!(topic.config.len() >= 4, "{} declares only {:?}", topic.name, topic.config);
        for (setting, declared) in &topic.config {
            // There is one broker here: more copies in sync than copies would let nobody write.
            let wanted = if setting == "min.insync.replicas" { "1" } else { declared.as_str() };
            let found = has.get(setting.as_str()).and_then(|entry| entry.value.as_deref());
            ensure!(found == Some(wanted), "{} has {setting}={found:?}, not {wanted}", topic.name);
        }
        let known = metadata.topics().iter().find(|known| known.name() == topic.name);
        let partitions = known.map_or(0, |known| known.partitions().len());
        ensure!(partitions == topic.partitions as usize, "{} has {partitions} partitions", topic.name);
    }
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    kafka.stop().await;
    Ok(())
}
