//! Values of the application's variables for each component: what its Service sets, in terms of this machine.

use std::collections::BTreeMap;

use anyhow::bail;
use learnflow_topology::{EnvValue, Graph, Service};

use super::{ModelVariables, addresses::Addresses, roles::DatabaseRoles};

/// The prefix by which Spin takes an application variable from the environment.
const PREFIX: &str = "SPIN_VARIABLE_";

/// For each component, the values of application variables: the default that spin.toml gives, or what the
/// component's Service sets; both with cluster addresses turned into local ones. The model's come from the environment.
pub fn of_components(
    graph: &Graph,
    addresses: &Addresses,
    roles: &DatabaseRoles,
    model: &ModelVariables,
) -> anyhow::Result<BTreeMap<String, BTreeMap<String, String>>> {
    let mut components = BTreeMap::new();
    for service in &graph.services {
        for component in &service.components {
            components.insert(component.clone(), of_service(graph, service, addresses, roles, model)?);
        }
    }
    Ok(components)
}

fn of_service(
    graph: &Graph,
    service: &Service,
    addresses: &Addresses,
    roles: &DatabaseRoles,
    model: &ModelVariables,
) -> anyhow::Result<BTreeMap<String, String>> {
    let defaults = graph.app.variables.iter().filter_map(|(name, declared)| {
        let default = declared.default.as_ref()?;
        Some((name.clone(), addresses.localize(graph, default)))
    });
    let mut values: BTreeMap<String, String> = defaults.collect();
    for (name, value) in &service.env {
        let Some(name) = name.strip_prefix(PREFIX) else { continue };
        let value = match value {
            EnvValue::Literal(text) => addresses.localize(graph, text),
            EnvValue::Secret { name: secret, key } => {
                match roles.secret(secret, key)?.or_else(|| model.secret(secret, key)) {
                    Some(value) => value,
                    // What a site sets there beside the key is optional: the application's defaults stand.
                    None if ModelVariables::owns(secret) => continue,
                    None => bail!(
                        "service {} needs key {key} of secret {secret}, which this runner does not have",
                        service.name
                    ),
                }
            }
        };
        values.insert(name.to_ascii_lowercase(), value);
    }
    // Only what the application declares: the agents without a model have no use for them, and do not see them.
    for (name, value) in model.iter() {
        if graph.app.variables.contains_key(name) {
            values.insert(name.clone(), value.clone());
        }
    }
    Ok(values)
}
