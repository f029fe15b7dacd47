//! Everything that `up` starts, in the order in which it can be, and stops in the reverse one.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use anyhow::{Context, anyhow};
use axum::{Router, extract::State, routing::get};
use learnflow_broker::{Broker, BrokerHandle, Resolver};
use learnflow_event_log::{
    EventLog,
    kafka::{Connection, KafkaLog},
    postgres::PostgresLog,
};
use learnflow_gateway::{Gateway, GatewayConfig, GatewayHandle, WatchedGroup};
use learnflow_provision::{postgres, tools_dir};
use learnflow_spin_host::{HostOptions, Limits, SpinHost};
use learnflow_topology::{Destination, Graph};
use prometheus::Registry;
use sqlx::postgres::PgPoolOptions;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    ModelVariables, addresses::Addresses, build, roles::DatabaseRoles, sandbox::SandboxProcess, variables,
};
use crate::{commands::migrate, installation::Running};

/// The overlay of knative/ that this machine executes.
const OVERLAY: &str = "container";
/// Ports that people expect; others are taken when these are not free.
const FUNCTIONS_PORT: u16 = 8080;
const SANDBOX_PORT: u16 = 8000;

/// What to start.
pub struct SystemOptions {
    /// The checkout.
    pub root: PathBuf,
    /// Where the data is.
    pub data_dir: PathBuf,
    /// The gateway's port; 0 takes free ports for everything.
    pub port: u16,
    /// A PostgreSQL of the user's.
    pub database_url: Option<String>,
    /// A Kafka of the user's.
    pub kafka: Option<Connection>,
    /// The language model.
    pub model: ModelVariables,
}

/// A running system.
pub struct System {
    running: Running,
    gateway: GatewayHandle,
    broker: BrokerHandle,
    servers: Vec<JoinHandle<()>>,
    shutdown: CancellationToken,
    sandbox: SandboxProcess,
    database: Option<postgres::Server>,
}

impl System {
    /// Starts everything and returns when it is ready for messages.
    pub async fn start(options: SystemOptions) -> anyhow::Result<Self> {
        let graph = load_graph(&options.root)?;
        std::fs::create_dir_all(&options.data_dir)?;
        let (database, database_url) = start_database(&options).await?;
        let pool = PgPoolOptions::new()
            .max_connections(4)
            .connect(&database_url)
            .await
            .context("cannot connect to the database; check DATABASE_URL")?;
        migrate::apply(&pool).await?;
        let roles = DatabaseRoles::prepare(&pool, &database_url, &options.data_dir).await?;
        pool.close().await;

        // Every address before anything that needs one.
        let expected = |port: u16| if options.port == 0 { 0 } else { port };
        let functions_listener = listen(expected(FUNCTIONS_PORT)).await?;
        let broker_listener = listen(0).await?;
        let sink_listener = listen(0).await?;
        let sandbox = SandboxProcess::start(
            &build::interpreter_path(&options.root)?,
            expected(SANDBOX_PORT),
            &roles.url("sandbox")?,
        )
        .await?;
        let log = open_log(&options, &database_url).await?;
        let mut addresses = Addresses {
            functions: url_of(&functions_listener)?,
            sandbox: sandbox.url().to_owned(),
            gateway: String::new(),
            broker_ingress: url_of(&broker_listener)?,
            sink_ingress: url_of(&sink_listener)?,
            database: database_address(&database_url)?,
        };
        let first = graph.brokers.first().context("eventing/ declares no broker")?;
        let broker_url = format!("{}/{}/{}", addresses.broker_ingress, first.namespace, first.name);
        let signing_key_file = options.data_dir.join("signing-keys.json");
        let mut gateway = GatewayConfig::new(
            SocketAddr::from((Ipv4Addr::LOCALHOST, options.port)),
            roles.url("gateway")?,
            Arc::clone(&log),
            addresses.functions.clone(),
            addresses.sandbox.clone(),
            broker_url.clone(),
            signing_key_file.clone(),
        );
        let web_root = options.root.join("web/out");
        gateway.web_root = web_root.join("index.html").is_file().then_some(web_root);
        options.model.describe(&mut gateway)?;
        gateway.sweep = learnflow_gateway::env::sweep(&|name| std::env::var(name).ok(), gateway.sweep)?;
        gateway.groups = watched_groups(&graph);
        let gateway = Gateway::start(gateway).await.context("the gateway did not start")?;
        addresses.gateway = format!("http://{}", gateway.address());

        let functions = load_functions(&options, &graph, &addresses, &roles).await?;
        let registry = Registry::new();
        let resolver = LocalResolver { graph: graph.clone(), addresses: addresses.clone() };
        let broker_options = learnflow_broker::Options { registry: registry.clone(), ..Default::default() };
        let broker = Broker::start(&graph, log, Arc::new(resolver), broker_options).await?;

        let shutdown = CancellationToken::new();
        // The broker's, and those of the functions' host, whose own address belongs to the components.
        let registries = vec![registry, functions.registry().clone()];
        let metrics = Router::new().route("/metrics", get(metrics)).with_state(registries);
        let mut servers = vec![
            serve(broker_listener, broker.ingress_router().merge(metrics), &shutdown),
            serve(sink_listener, broker.sink_router(), &shutdown),
        ];
        let stop = shutdown.clone();
        servers.push(tokio::spawn(async move {
            functions.serve(functions_listener, stop.cancelled_owned()).await;
        }));

        let running = Running {
            pid: std::process::id(),
            gateway_url: addresses.gateway,
            broker_url,
            functions_url: addresses.functions,
            sandbox_url: addresses.sandbox,
            database_url,
            signing_key_file,
        };
        Ok(Self { running, gateway, broker, servers, shutdown, sandbox, database })
    }

    /// Where everything is.
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// Resolves when a part has failed that cannot be started again.
    pub async fn failed(&mut self) -> anyhow::Error {
        anyhow!("the sandbox host ended for good: {}", self.sandbox.failed().await)
    }

    /// Stops in the reverse order of the start: nobody loses a service while still working.
    pub async fn stop(self) {
        self.gateway.shutdown().await;
        self.broker.shutdown().await;
        self.shutdown.cancel();
        for server in self.servers {
            // A server that panicked has said so already.
            let _ = server.await;
        }
        self.sandbox.stop().await;
        if let Some(database) = self.database {
            database.stop().await;
        }
    }
}

/// The consumer groups of the Triggers, for the operator's page.
fn watched_groups(graph: &Graph) -> Vec<WatchedGroup> {
    let group = |trigger: &learnflow_topology::Trigger| WatchedGroup {
        group: learnflow_broker::trigger_group(&trigger.namespace, &trigger.name),
        topic: learnflow_broker::broker_topic(&trigger.namespace, &trigger.broker),
        partitions: graph
            .brokers
            .iter()
            .find(|broker| broker.namespace == trigger.namespace && broker.name == trigger.broker)
            .map_or(0, |broker| broker.partitions),
    };
    graph.triggers.iter().map(group).collect()
}

fn load_graph(root: &std::path::Path) -> anyhow::Result<Graph> {
    let graph = learnflow_topology::load(root, OVERLAY).context("the manifests")?;
    graph.check().context("the manifests")?;
    Ok(graph)
}

async fn start_database(options: &SystemOptions) -> anyhow::Result<(Option<postgres::Server>, String)> {
    if let Some(url) = &options.database_url {
        return Ok((None, url.clone()));
    }
    let settings = postgres::Options::new(options.data_dir.join("postgres"), tools_dir(&options.root));
    let server = postgres::Server::start(settings).await.context("PostgreSQL did not start")?;
    let url = server.database_url();
    Ok((Some(server), url))
}

async fn open_log(options: &SystemOptions, database_url: &str) -> anyhow::Result<Arc<dyn EventLog>> {
    Ok(match &options.kafka {
        Some(connection) => {
            let log = KafkaLog::connect(connection.clone()).await;
            Arc::new(log.context("Kafka; check KAFKA_BOOTSTRAP_SERVERS")?)
        }
        None => Arc::new(PostgresLog::open(database_url).await?),
    })
}

async fn load_functions(
    options: &SystemOptions,
    graph: &Graph,
    addresses: &Addresses,
    roles: &DatabaseRoles,
) -> anyhow::Result<SpinHost> {
    let mut host = HostOptions::new(options.root.join("target/functions"));
    host.variables = variables::of_components(graph, addresses, roles, &options.model)?;
    host.component_limits = component_limits(graph, &host.limits);
    let app = graph.app.clone();
    // Compiling takes all processors for seconds; the rest of the start must not wait for it.
    let loading = tokio::task::spawn_blocking(move || SpinHost::load(&app, host));
    loading.await?.context("the functions did not load; run `cargo learnflow up` without --no-build")
}

/// The limits that the Services set, for the components they retain.
fn component_limits(graph: &Graph, defaults: &Limits) -> BTreeMap<String, Limits> {
    let mut limits = BTreeMap::new();
    for service in &graph.services {
        let concurrent = usize::try_from(service.container_concurrency).unwrap_or_default();
        for component in &service.components {
            let mut own = defaults.clone();
            if concurrent > 0 {
                own.concurrent_requests = concurrent;
            }
            if let Some(timeout) = service.timeout {
                own.request_timeout = timeout;
            }
            limits.insert(component.clone(), own);
        }
    }
    limits
}

struct LocalResolver {
    graph: Graph,
    addresses: Addresses,
}

impl Resolver for LocalResolver {
    fn url(&self, destination: &Destination) -> Option<String> {
        self.addresses.resolve(&self.graph, destination)
    }
}

/// A listener on the loopback interface; another port when the wished one is taken.
async fn listen(port: u16) -> anyhow::Result<TcpListener> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Ok(listener) => Ok(listener),
        Err(_) if port != 0 => Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?),
        Err(error) => Err(error.into()),
    }
}

fn url_of(listener: &TcpListener) -> anyhow::Result<String> {
    Ok(format!("http://{}", listener.local_addr()?))
}

/// `host:port` of a database URL.
fn database_address(url: &str) -> anyhow::Result<String> {
    let url = reqwest::Url::parse(url).context("the database's address is not a URL")?;
    let host = url.host_str().context("the database's address has no host")?;
    Ok(format!("{host}:{}", url.port().unwrap_or(5432)))
}

fn serve(listener: TcpListener, router: Router, shutdown: &CancellationToken) -> JoinHandle<()> {
    let stop = shutdown.clone();
    tokio::spawn(async move {
        let served = axum::serve(
            axum::serve::ListenerExt::tap_io(listener, |stream| {
                // Without it a small answer on a kept connection waits for the client's delayed acknowledgement.
                let _ = stream.set_nodelay(true);
            }),
            router,
        )
        .with_graceful_shutdown(stop.cancelled_owned())
        .await;
        if let Err(error) = served {
            tracing::error!(%error, "a listener failed");
        }
    })
}

async fn metrics(State(registries): State<Vec<Registry>>) -> Result<String, String> {
    let families: Vec<_> = registries.iter().flat_map(Registry::gather).collect();
    prometheus::TextEncoder::new().encode_to_string(&families).map_err(|error| error.to_string())
}
