//! Where events go: cluster names become addresses here.

use std::{collections::HashMap, sync::Arc};

use http::Uri;
use learnflow_topology::graph::{ContentMode, Destination, Graph};

/// Turns the cluster's names into addresses. The runner knows on which port each Service listens.
///
/// It is asked before every try, so a Service may move while events wait for it.
pub trait Resolver: Send + Sync {
    /// The absolute URL of a destination; `None` when there is no such thing. KafkaSinks are never asked for.
    fn url(&self, destination: &Destination) -> Option<String>;
}

impl<F: Fn(&Destination) -> Option<String> + Send + Sync> Resolver for F {
    fn url(&self, destination: &Destination) -> Option<String> {
        self(destination)
    }
}

/// What a destination comes down to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// An HTTP address.
    Http(Uri),
    /// A topic of the log.
    Topic {
        /// Its name.
        topic: String,
        /// How events are written to it.
        content_mode: ContentMode,
    },
}

/// All destinations of a graph.
pub(crate) struct Destinations {
    resolver: Arc<dyn Resolver>,
    sinks: HashMap<(String, String), Target>,
}

impl Destinations {
    pub(crate) fn new(graph: &Graph, resolver: Arc<dyn Resolver>) -> Self {
        let sinks = graph
            .sinks
            .iter()
            .map(|sink| {
                let target = Target::Topic { topic: sink.topic.clone(), content_mode: sink.content_mode };
                ((sink.namespace.clone(), sink.name.clone()), target)
            })
            .collect();
        Self { resolver, sinks }
    }

    /// The target of a destination, or a sentence that says why there is none.
    pub(crate) fn target(&self, destination: &Destination) -> Result<Target, String> {
        if let Destination::KafkaSink { namespace, name } = destination {
            let sink = self.sinks.get(&(namespace.clone(), name.clone()));
            return sink.cloned().ok_or_else(|| format!("there is no KafkaSink {namespace}/{name}"));
        }
        let url = self
            .resolver
            .url(destination)
            .ok_or_else(|| format!("nothing listens for {}", label(destination)))?;
        let uri: Uri = url.parse().map_err(|error| format!("{url:?} is no URL: {error}"))?;
        if uri.scheme().is_none() || uri.authority().is_none() {
            return Err(format!("{url:?} is not absolute"));
        }
        Ok(Target::Http(uri))
    }
}

/// A destination as people write it.
pub(crate) fn label(destination: &Destination) -> String {
    match destination {
        Destination::Service { namespace, name, path } => {
            format!("http://{name}.{namespace}.svc.cluster.local{path}")
        }
        Destination::KafkaSink { namespace, name } => {
            format!("http://kafka-sink-ingress.knative-eventing.svc.cluster.local/{namespace}/{name}")
        }
        Destination::Url(url) => url.clone(),
    }
}
