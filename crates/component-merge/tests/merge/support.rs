//! Runs a component as it is and merged.

use std::sync::LazyLock;

use learnflow_component_merge::merge;
use wasmtime::{
    Config, Engine, Store, StoreContextMut,
    component::{Component, Linker, Val},
};

/// What a call gave.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    Returned(Vec<Val>),
    Failed(String),
}

/// What the merged component did, which is what the original did.
#[derive(Debug)]
pub struct Merged {
    pub component: Vec<u8>,
    pub outcomes: Vec<Outcome>,
    /// Texts given to the imported function `log`.
    pub log: Vec<String>,
}

/// A component from its text.
pub fn parse(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

/// Merges a component, and calls both with numbers. They must do the same.
pub fn check(text: &str, calls: &[(&str, &[u32])]) -> Merged {
    let original = parse(text);
    let component = merge(&original).unwrap_or_else(|error| panic!("{error:?}"));
    assert_ne!(component, original, "nothing was merged");
    let expected = run(&original, calls);
    let (outcomes, log) = run(&component, calls);
    assert_eq!((&outcomes, &log), (&expected.0, &expected.1), "left is merged, right as it was");
    Merged { component, outcomes, log }
}

/// Instantiates a component and calls its exports one after the other.
pub fn run(component: &[u8], calls: &[(&str, &[u32])]) -> (Vec<Outcome>, Vec<String>) {
    static ENGINE: LazyLock<Engine> =
        LazyLock::new(|| Engine::new(Config::new().wasm_component_model(true)).unwrap());
    let engine = &*ENGINE;
    let component = Component::new(engine, component).unwrap();
    let mut linker: Linker<Vec<String>> = Linker::new(engine);
    let log = |mut store: StoreContextMut<'_, Vec<String>>, (text,): (String,)| {
        store.data_mut().push(text);
        Ok(())
    };
    linker.root().func_wrap("log", log).unwrap();
    let mut store = Store::new(engine, Vec::new());
    let instance = match linker.instantiate(&mut store, &component) {
        Ok(instance) => instance,
        Err(error) => return (vec![Outcome::Failed(error.root_cause().to_string())], store.into_data()),
    };
    let mut outcomes = Vec::new();
    for (name, arguments) in calls {
        let func = instance.get_func(&mut store, *name).unwrap_or_else(|| panic!("there is no {name}"));
        let arguments: Vec<Val> = arguments.iter().map(|number| Val::U32(*number)).collect();
        let mut results = vec![Val::Bool(false)];
        results.truncate(func.ty(&store).results().len());
        outcomes.push(match func.call(&mut store, &arguments, &mut results) {
            Ok(()) => Outcome::Returned(results),
            Err(error) => Outcome::Failed(error.root_cause().to_string()),
        });
    }
    (outcomes, store.into_data())
}

/// How often a component, with those in it, instantiates a core module.
pub fn instantiations(component: &[u8]) -> usize {
    let mut count = 0;
    for payload in wasmparser::Parser::new(0).parse_all(component) {
        if let wasmparser::Payload::InstanceSection(section) = payload.unwrap() {
            let instances = section.into_iter().map(Result::unwrap);
            count += instances
                .filter(|instance| matches!(instance, wasmparser::Instance::Instantiate { .. }))
                .count();
        }
    }
    count
}
