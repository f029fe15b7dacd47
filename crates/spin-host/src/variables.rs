//! `spin:variables`: what a component is told by the manifest and by whoever deploys it.

use std::collections::BTreeMap;

use learnflow_topology::{Component, SpinApp};
use wasmtime::component::{Accessor, HasSelf};

use crate::{
    bindings::spin::variables::variables::{Error, Host, HostWithStore},
    error::HostError,
    instance::InstanceData,
    template::Template,
};

/// The variables of one component, resolved.
#[derive(Clone, Debug, Default)]
pub(crate) struct ComponentVariables(BTreeMap<String, String>);

/// The application's variables as one component sees them: a value set for it, else the default, else nothing.
pub(crate) fn application_values(
    app: &SpinApp,
    component: &str,
    set: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Option<String>>, HostError> {
    if let Some(name) = set.keys().find(|name| !app.variables.contains_key(*name)) {
        return Err(HostError::UndeclaredVariable { component: component.to_owned(), name: name.clone() });
    }
    Ok(app
        .variables
        .iter()
        .map(|(name, declaration)| {
            let value = set.get(name).cloned().or_else(|| declaration.default.clone());
            (name.clone(), value)
        })
        .collect())
}

impl ComponentVariables {
    /// Resolves every variable of the component, so that a missing value is found at the start and not by a student.
    pub(crate) fn resolve(
        name: &str,
        component: &Component,
        values: &BTreeMap<String, Option<String>>,
    ) -> Result<Self, HostError> {
        let mut resolved = BTreeMap::new();
        for (variable, text) in &component.variables {
            let wrong = |problem: String| HostError::Variable {
                component: name.to_owned(),
                name: variable.clone(),
                problem,
            };
            check_name(variable).map_err(wrong)?;
            let value = Template::parse(text)
                .and_then(|template| template.resolve(values))
                .map_err(|error| wrong(error.to_string()))?;
            resolved.insert(variable.clone(), value);
        }
        Ok(Self(resolved))
    }

    fn get(&self, name: &str) -> Result<String, Error> {
        check_name(name).map_err(Error::InvalidName)?;
        self.0.get(name).cloned().ok_or_else(|| {
            Error::Undefined(format!(
                "the component declares no variable {name:?} in [component.*.variables]"
            ))
        })
    }
}

/// Spin's rule for names: lower-case letters, digits and single underscores between them, a letter first.
fn check_name(name: &str) -> Result<(), String> {
    let reason = if name.is_empty() {
        "it is empty"
    } else if !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
        "only lower-case letters, digits and underscores are allowed"
    } else if !name.as_bytes()[0].is_ascii_lowercase() {
        "it must start with a letter"
    } else if name.ends_with('_') || name.contains("__") {
        "an underscore must stand between two letters or digits"
    } else {
        return Ok(());
    };
    Err(format!("{name:?} is no name for a variable: {reason}"))
}

impl Host for InstanceData {}

impl<T: Send> HostWithStore<T> for HasSelf<InstanceData> {
    async fn get(accessor: &Accessor<T, Self>, name: String) -> wasmtime::Result<Result<String, Error>> {
        Ok(accessor.with(|mut store| store.get().component.variables.get(&name)))
    }
}

#[cfg(test)]
mod tests {
    use learnflow_topology::VariableDeclaration;

    use super::*;

    fn app() -> SpinApp {
        let declared = |default: Option<&str>| VariableDeclaration {
            default: default.map(str::to_owned),
            secret: false,
        };
        SpinApp {
            variables: BTreeMap::from([
                ("host".to_owned(), declared(Some("localhost"))),
                ("key".to_owned(), declared(None)),
            ]),
            ..SpinApp::default()
        }
    }

    fn component(variables: &[(&str, &str)]) -> Component {
        let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Component { variables, ..Component::default() }
    }

    #[test]
    fn a_set_value_wins_over_the_default() {
        let set = BTreeMap::from([("host".to_owned(), "db".to_owned())]);
        let values = application_values(&app(), "c", &set).unwrap();
        let variables =
            ComponentVariables::resolve("c", &component(&[("url", "pg://{{ host }}")]), &values).unwrap();
        assert_eq!(variables.get("url").unwrap(), "pg://db");
    }

    #[test]
    fn a_variable_without_a_value_is_an_error_only_where_it_is_used() {
        let values = application_values(&app(), "c", &BTreeMap::new()).unwrap();
        assert!(ComponentVariables::resolve("c", &component(&[("h", "{{host}}")]), &values).is_ok());
        let error = ComponentVariables::resolve("c", &component(&[("k", "{{key}}")]), &values)
            .unwrap_err()
            .to_string();
        assert!(error.contains("SPIN_VARIABLE_KEY"), "{error}");
    }

    #[test]
    fn setting_what_is_not_declared_is_an_error() {
        let set = BTreeMap::from([("hots".to_owned(), String::new())]);
        assert!(matches!(
            application_values(&app(), "c", &set),
            Err(HostError::UndeclaredVariable { name, .. }) if name == "hots"
        ));
    }

    #[test]
    fn undefined_and_invalid_names_differ() {
        let variables = ComponentVariables::default();
        assert!(matches!(variables.get("fine_name"), Err(Error::Undefined(_))));
        for name in ["", "Caps", "1st", "_x", "x_", "a__b", "a-b", "ü"] {
            assert!(matches!(variables.get(name), Err(Error::InvalidName(_))), "{name}");
        }
    }
}
