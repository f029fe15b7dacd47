//! What the generated documents share: schemas of the catalogue, hoisted to where a document keeps them.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// Where OpenAPI and AsyncAPI keep schemas.
const PLACE: &str = "#/components/schemas/";

/// The schemas of a document, by name.
#[derive(Default)]
pub struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    /// Adds the schema of a type and what it refers to, and returns the reference to it.
    ///
    /// # Errors
    /// When two different types have the same name.
    pub fn of<T: JsonSchema>(&mut self) -> Result<Value> {
        let settings = SchemaSettings::draft2020_12();
        let schema = settings.into_generator().into_root_schema_for::<T>().to_value();
        self.add(&T::schema_name(), schema)
    }

    /// Adds a schema whose `$defs` become schemas of the document, and returns the reference to it.
    ///
    /// # Errors
    /// When two different schemas have the same name.
    pub fn add(&mut self, name: &str, mut schema: Value) -> Result<Value> {
        if let Some(root) = schema.as_object_mut() {
            root.remove("$schema");
            if let Some(Value::Object(definitions)) = root.remove("$defs") {
                for (name, definition) in definitions {
                    self.insert(&name, definition)?;
                }
            }
        }
        self.insert(name, schema)?;
        Ok(json!({ "$ref": format!("{PLACE}{name}") }))
    }

    fn insert(&mut self, name: &str, mut schema: Value) -> Result<()> {
        rewrite(&mut schema);
        schema.sort_all_objects();
        match self.0.get(name) {
            Some(known) if *known != schema => bail!("two different schemas are called {name}"),
            Some(_) => {}
            None => drop(self.0.insert(name.to_owned(), schema)),
        }
        Ok(())
    }

    /// As `components.schemas`.
    pub fn into_value(self) -> Value {
        Value::Object(self.0.into_iter().collect::<Map<_, _>>())
    }
}

/// References into `$defs` become references into the document.
fn rewrite(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get_mut("$ref")
                && let Some(name) = reference.strip_prefix("#/$defs/")
            {
                *reference = format!("{PLACE}{name}");
            }
            map.values_mut().for_each(rewrite);
        }
        Value::Array(items) => items.iter_mut().for_each(rewrite),
        _ => {}
    }
}

/// A document as it is written into its file.
///
/// # Errors
/// Never in practice: a [`Value`] is always JSON.
pub fn text(mut document: Value) -> Result<String> {
    document.sort_all_objects();
    Ok(format!("{}\n", serde_json::to_string_pretty(&document)?))
}
