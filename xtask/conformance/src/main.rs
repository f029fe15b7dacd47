//! What `cargo xtask conformance` runs. It is a program of its own, since it needs the broker and xtask must not.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use clap::{ArgGroup, Parser};
use learnflow_broker::conformance;
use learnflow_conformance::{Outcome, Report, functions};
use tokio::net::TcpListener;

/// Holds a broker's data plane or a host of the functions to the documented behaviour, case by case
///
/// Against a broker: apply what `--triggers` prints (or, without Kubernetes, give the data plane what `--contract`
/// prints), then run with the same --broker and --sink. The program listens at the sink's address and waits until
/// every Trigger delivers before it begins.
///
/// Against functions: give the address of any host that serves spin.toml, with its database migrated. A case that
/// needs the sandbox or the broker is skipped while the component answers 503 for want of it.
#[derive(Parser)]
#[command(bin_name = "cargo xtask conformance")]
#[command(group(ArgGroup::new("what").required(true).args(["broker", "functions"])))]
struct Arguments {
    /// The broker's ingress: http://HOST:PORT/NAMESPACE/NAME
    #[arg(long, value_name = "URL", requires = "sink")]
    broker: Option<String>,
    /// Where this program listens as subscriber, dead-letter sink and reader of replies: HOST:PORT
    #[arg(long, value_name = "ADDR", requires = "broker")]
    sink: Option<String>,
    /// By which URL the broker reaches the sink, when that is not http://ADDR
    #[arg(long, value_name = "URL", requires = "sink")]
    sink_url: Option<String>,
    /// Print the Triggers of the cases as a Kubernetes List, and end
    #[arg(long, requires = "sink", conflicts_with = "contract")]
    triggers: bool,
    /// Print the Broker and the Triggers as the Kafka data plane's contract file (JSON), and end
    #[arg(long, value_name = "BOOTSTRAP_SERVERS", requires = "sink")]
    contract: Option<String>,
    /// Print the delivery that the Broker itself needs for some of the cases, as a merge patch, and end
    #[arg(long, requires = "sink", conflicts_with_all = ["triggers", "contract"])]
    broker_patch: bool,
    /// The Broker has what `--broker-patch` or `--contract` prints: try the cases about it, too
    #[arg(long, requires = "sink")]
    broker_patched: bool,
    /// The functions: http://HOST:PORT
    #[arg(long, value_name = "URL")]
    functions: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let report = match (&arguments.broker, &arguments.functions) {
        (Some(broker), _) => match against_broker(broker, &arguments).await? {
            Some(report) => report,
            None => return Ok(()),
        },
        (None, Some(functions)) => functions::run(functions).await?,
        (None, None) => bail!("say what to check: --broker URL --sink ADDR, or --functions URL"),
    };
    if arguments.json {
        println!("{}", report.to_json());
    } else {
        print!("{report}");
    }
    if report.failed() > 0 {
        std::process::exit(1);
    }
    Ok(())
}

/// Runs the broker's cases; `None` when only something was to be printed.
async fn against_broker(broker: &str, arguments: &Arguments) -> Result<Option<Report>> {
    let sink = arguments.sink.as_deref().context("--sink says where to listen")?;
    let sink = sink.trim_start_matches("http://").trim_end_matches('/');
    let sink_url = arguments.sink_url.clone().unwrap_or_else(|| format!("http://{sink}"));
    let broker = broker.trim_end_matches('/');
    let mut path = broker.rsplit('/');
    let (name, namespace) = (path.next().unwrap_or_default(), path.next().unwrap_or_default());
    if namespace.is_empty() || namespace.contains(':') {
        bail!("{broker} is not http://HOST:PORT/NAMESPACE/NAME");
    }
    if arguments.triggers {
        println!("{:#}", conformance::manifests(namespace, name, &sink_url));
        return Ok(None);
    }
    if let Some(servers) = &arguments.contract {
        println!("{:#}", conformance::contract(namespace, name, &sink_url, servers));
        return Ok(None);
    }
    if arguments.broker_patch {
        println!("{:#}", conformance::broker_patch(&sink_url));
        return Ok(None);
    }
    let address: SocketAddr = tokio::net::lookup_host(sink)
        .await
        .with_context(|| format!("--sink {sink} is not HOST:PORT"))?
        .next()
        .with_context(|| format!("{sink} has no address"))?;
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen at {sink}"))?;
    let target = conformance::Target {
        broker_url: broker,
        sink_url: &sink_url,
        broker_delivery: arguments.broker_patched,
    };
    let verdicts = conformance::run(target, listener).await.map_err(|error| anyhow::anyhow!(error))?;
    let mut report = Report::default();
    if !arguments.broker_patched {
        for case in conformance::cases().into_iter().filter(conformance::Case::needs_broker_delivery) {
            let why = "the Broker needs the delivery of --broker-patch; say --broker-patched when it has it";
            report.add(case.name, case.says, Outcome::Skipped(why.to_owned()));
        }
    }
    for verdict in verdicts {
        let outcome = if verdict.failures.is_empty() {
            Outcome::Kept
        } else {
            Outcome::Broken(verdict.failures.join("; "))
        };
        report.add(verdict.case.name, verdict.case.says, outcome);
    }
    Ok(Some(report))
}
