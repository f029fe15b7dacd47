//! spin.toml (manifest version 2).

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    error::Errors,
    graph::{Component, HttpRoute, SpinApp, VariableDeclaration},
    kustomize,
    node::{Key, Map, Node, Place, Value},
    strict::{self, Located},
};

const FILE: &str = "spin.toml";

#[derive(Deserialize)]
struct Manifest {
    spin_manifest_version: Located<u32>,
    application: Application,
    #[serde(default)]
    variables: BTreeMap<String, Located<Variable>>,
    trigger: Triggers,
    component: BTreeMap<String, Located<ComponentTable>>,
}

#[derive(Deserialize)]
struct Application {
    name: String,
    #[serde(default)]
    version: String,
    #[serde(rename = "description")]
    _description: Option<String>,
    #[serde(rename = "authors")]
    _authors: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Variable {
    default: Option<String>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    secret: bool,
    #[serde(rename = "description")]
    _description: Option<String>,
}

#[derive(Deserialize)]
struct Triggers {
    http: Vec<HttpTrigger>,
}

#[derive(Deserialize)]
struct HttpTrigger {
    route: Located<String>,
    component: Located<String>,
}

#[derive(Deserialize)]
struct ComponentTable {
    source: PathBuf,
    #[serde(rename = "description")]
    _description: Option<String>,
    #[serde(default)]
    allowed_outbound_hosts: Vec<Located<String>>,
    #[serde(default)]
    variables: BTreeMap<String, Located<String>>,
    build: Option<Build>,
}

#[derive(Deserialize)]
struct Build {
    command: String,
    workdir: Option<PathBuf>,
    #[serde(rename = "watch")]
    _watch: Option<Vec<String>>,
}

/// Reads `root`/spin.toml, and notes where each component is.
pub(crate) fn load(root: &Path, places: &mut BTreeMap<String, Place>, errors: &mut Errors) -> SpinApp {
    let whole = Place::file(FILE);
    let Some(text) = kustomize::read_file(root, FILE, &whole, errors) else { return SpinApp::default() };
    let Some(node) = tree(&text, errors) else { return SpinApp::default() };
    let Some(manifest) = strict::read::<Manifest>(&node, errors) else { return SpinApp::default() };

    if manifest.spin_manifest_version.value != 2 {
        errors.at(&manifest.spin_manifest_version.at, "spin_manifest_version must be 2");
    }
    let mut app = SpinApp {
        name: manifest.application.name,
        version: manifest.application.version,
        root: root.to_owned(),
        ..SpinApp::default()
    };
    for (name, Located { at, value: variable }) in manifest.variables {
        check_name(&name, '_', "a variable", &at, errors);
        match (&variable.default, variable.required) {
            (None, false) => errors.at(&at, format!("variable {name} needs a default or required = true")),
            (Some(_), true) => errors.at(&at, format!("variable {name} has a default and is required")),
            _ => {}
        }
        app.variables
            .insert(name, VariableDeclaration { default: variable.default, secret: variable.secret });
    }
    for (name, Located { at, value: table }) in manifest.component {
        check_name(&name, '-', "a component", &at, errors);
        for template in table.variables.values().chain(&table.allowed_outbound_hosts) {
            check_template(template, &app.variables, errors);
        }
        for host in &table.allowed_outbound_hosts {
            check_host(host, errors);
        }
        places.insert(format!("component {name}"), at);
        app.components.insert(
            name,
            Component {
                source: table.source,
                allowed_outbound_hosts: table.allowed_outbound_hosts.into_iter().map(|h| h.value).collect(),
                variables: table
                    .variables
                    .into_iter()
                    .map(|(name, template)| (name, template.value))
                    .collect(),
                build_command: table.build.as_ref().map(|build| build.command.clone()),
                build_workdir: table.build.and_then(|build| build.workdir),
            },
        );
    }
    for trigger in manifest.trigger.http {
        if !app.components.contains_key(&trigger.component.value) {
            errors.at(&trigger.component.at, format!("there is no component {:?}", trigger.component.value));
        }
        if !trigger.route.value.starts_with('/') {
            errors.at(&trigger.route.at, "a route begins with /");
        }
        if app.routes.iter().any(|route| route.route == trigger.route.value) {
            errors.at(&trigger.route.at, format!("the route {} is declared twice", trigger.route.value));
        }
        app.routes.push(HttpRoute { route: trigger.route.value, component: trigger.component.value });
    }
    app
}

/// Spin takes words of lower-case letters and digits, each beginning with a letter, joined by one separator.
fn check_name(name: &str, separator: char, what: &str, at: &Place, errors: &mut Errors) {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    if !name.split(separator).all(is_word) {
        errors.at(at, format!("{name:?} is no name of {what}: lower-case words joined by {separator}"));
    }
}

/// Names in `{{ }}` must be declared.
fn check_template(
    template: &Located<String>,
    variables: &BTreeMap<String, VariableDeclaration>,
    errors: &mut Errors,
) {
    for name in template_names(&template.value) {
        match name {
            Ok(name) if variables.contains_key(name) => {}
            Ok(name) => errors.at(&template.at, format!("there is no variable {name:?} in [variables]")),
            Err(()) => errors.at(&template.at, "{{ without }}"),
        }
    }
}

/// The names in the `{{ }}` of a template; `Err` for one that does not end.
pub(crate) fn template_names(template: &str) -> impl Iterator<Item = Result<&str, ()>> {
    template.split("{{").skip(1).map(|part| part.split_once("}}").map(|(name, _)| name.trim()).ok_or(()))
}

/// Spin takes `scheme://host[:port]`, or a template that becomes one.
fn check_host(host: &Located<String>, errors: &mut Errors) {
    let text = host.value.trim();
    let whole_template = text.starts_with("{{") && text.ends_with("}}");
    match text.split_once("://") {
        None if whole_template => {}
        None => errors.at(&host.at, format!("{text:?} has no scheme: write scheme://host:port")),
        Some((_, rest)) if rest.trim_end_matches('/').contains('/') => {
            errors.at(&host.at, format!("{text:?} has a path, which Spin does not take here"));
        }
        Some(("*", _)) | Some((_, "*" | "*:*")) => {
            errors.at(&host.at, format!("{text:?} allows everything: name the hosts"));
        }
        Some(_) => {}
    }
}

/// TOML as a located tree.
fn tree(text: &str, errors: &mut Errors) -> Option<Node> {
    let place = |offset: usize| {
        let line = text[..offset.min(text.len())].matches('\n').count() + 1;
        Place { file: FILE.into(), line }
    };
    match DeTable::parse(text) {
        Ok(table) => {
            let at = place(0);
            Some(Node { at, value: Value::Map(table_map(table.into_inner(), &place, errors)) })
        }
        Err(error) => {
            let offset = error.span().map_or(0, |span| span.start);
            errors.at(&place(offset), format!("not TOML: {}", error.message()));
            None
        }
    }
}

fn table_map(table: DeTable<'_>, place: &dyn Fn(usize) -> Place, errors: &mut Errors) -> Map {
    let mut map = Map::default();
    for (key, value) in table {
        let key = Key { at: place(key.span().start), name: key.into_inner().into_owned() };
        let mut node = toml_node(value, place, errors);
        // A table's own span can begin in another place than its header.
        node.at = key.at.clone();
        map.0.push((key, node));
    }
    map
}

fn toml_node(value: Spanned<DeValue<'_>>, place: &dyn Fn(usize) -> Place, errors: &mut Errors) -> Node {
    let at = place(value.span().start);
    let value = match value.into_inner() {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Boolean(value) => Value::Bool(value),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Int(number),
            Err(error) => {
                errors.at(&at, format!("{}: {error}", number.as_str()));
                Value::Null
            }
        },
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Datetime(date) => Value::String(date.to_string()),
        DeValue::Array(items) => {
            Value::List(items.into_iter().map(|item| toml_node(item, place, errors)).collect())
        }
        DeValue::Table(table) => Value::Map(table_map(table, place, errors)),
    };
    Node { at, value }
}
