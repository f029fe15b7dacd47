//! A document as a tree in which everything knows the file and line that it was written on.
//!
//! YAML and TOML both become this tree; kustomize's operations work on it, so an error in the outcome of a patch
//! names the line of the patch.

pub(crate) use crate::graph::Place;

impl Place {
    /// The file as a whole.
    pub(crate) fn file(file: &str) -> Self {
        Self { file: file.into(), line: 0 }
    }
}

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) at: Place,
    pub(crate) value: Value,
}

/// What YAML's JSON schema and TOML have in common.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(String),
    List(Vec<Node>),
    Map(Map),
}

/// Entries in the order in which they were written; names are unique.
#[derive(Clone, Debug, Default)]
pub(crate) struct Map(pub(crate) Vec<(Key, Node)>);

/// The name of an entry and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) at: Place,
}

impl Map {
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.0.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Node> {
        self.0.iter_mut().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// Sets an entry, keeping its position when it exists.
    pub(crate) fn set(&mut self, name: &str, node: Node) {
        match self.0.iter_mut().find(|(key, _)| key.name == name) {
            Some(entry) => entry.1 = node,
            None => self.0.push((Key { name: name.into(), at: node.at.clone() }, node)),
        }
    }

    /// Removes an entry; whether there was one.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|(key, _)| key.name != name);
        self.0.len() < before
    }
}

impl Node {
    /// The map, if it is one.
    pub(crate) fn map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The string, if it is one.
    pub(crate) fn str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Without places.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Int(value) => (*value).into(),
            Value::Float(value) => (*value).into(),
            Value::String(value) => value.as_str().into(),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(map) => map.0.iter().map(|(key, node)| (key.name.clone(), node.to_json())).collect(),
        }
    }

    /// What is found by going down through maps.
    pub(crate) fn find(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, name| node.map()?.get(name))
    }

    /// The string found by going down through maps, or `""`.
    pub(crate) fn text(&self, path: &[&str]) -> &str {
        self.find(path).and_then(Node::str).unwrap_or_default()
    }
}

impl Value {
    /// What to call it in an error.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a number",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}
