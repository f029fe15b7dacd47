//! Why an application cannot be loaded.

use std::path::PathBuf;

use thiserror::Error;

/// Why an application cannot be loaded or served.
#[derive(Debug, Error)]
pub enum HostError {
    /// The options retain a component that the manifest does not have.
    #[error("spin.toml has no component {name:?}; it has {known}")]
    UnknownComponent {
        /// The name that was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A route leads to a component that the manifest does not have.
    #[error("the route {route:?} leads to the component {component:?}, which spin.toml does not have")]
    DanglingRoute {
        /// The route.
        route: String,
        /// The missing component.
        component: String,
    },
    /// A route cannot be understood, or two are the same.
    #[error("the route {route:?}: {problem}")]
    Route {
        /// The route.
        route: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A value was given for a variable that the application does not declare.
    #[error(
        "a value is set for the variable {name:?} of {component}, but [variables] in spin.toml does not declare it"
    )]
    UndeclaredVariable {
        /// The component whose Service sets it.
        component: String,
        /// The application variable.
        name: String,
    },
    /// A component variable has a bad name or no value.
    #[error("the variable {name:?} of {component}: {problem}")]
    Variable {
        /// The component.
        component: String,
        /// The component variable.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An entry of `allowed_outbound_hosts` cannot be understood.
    #[error("allowed_outbound_hosts of {component}: {entry:?}: {problem}")]
    AllowedHost {
        /// The component.
        component: String,
        /// The entry as written.
        entry: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A component has not been built.
    #[error("{component}: cannot read {path}: {source}; build it first: {build}", path = path.display())]
    Source {
        /// The component.
        component: String,
        /// Where its file should be.
        path: PathBuf,
        /// The command that builds it.
        build: String,
        /// What the file system said.
        source: std::io::Error,
    },
    /// The folder of compiled components cannot be used.
    #[error("the cache of compiled components {path}: {problem}", path = path.display())]
    Cache {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The file is no component, or it cannot be compiled.
    #[error("{component}: {path} cannot be compiled: {problem}", path = path.display())]
    Compile {
        /// The component.
        component: String,
        /// Its file.
        path: PathBuf,
        /// What the compiler said.
        problem: String,
    },
    /// The component imports what this host does not offer, or exports no HTTP handler.
    #[error("{component} does not fit this host: {problem}")]
    Unfit {
        /// The component.
        component: String,
        /// What is missing.
        problem: String,
    },
    /// The engine cannot be set up.
    #[error("the WebAssembly engine: {0}")]
    Engine(String),
    /// An option is out of its range.
    #[error("the option {name}: {problem}")]
    Option {
        /// The option.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}
