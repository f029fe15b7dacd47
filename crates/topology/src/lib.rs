//! What a cluster is told to run — spin.toml, knative/ and eventing/ — as one typed graph.
//!
//! The runner executes this graph, the tests check it; there is no second configuration.

pub mod graph;

pub use graph::{
    BackoffPolicy, Broker, Component, ContentMode, Delivery, DeliveryOrder, Destination, EnvValue, Filter, Graph,
    HttpRoute, KafkaSink, KafkaTopic, Service, SpinApp, Trigger, VariableDeclaration,
};
