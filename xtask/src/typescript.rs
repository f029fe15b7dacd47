//! TypeScript types from JSON Schemas (draft 2020-12), as far as the event catalogue and the API's document use them.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The module with every type that the schemas define, and a table from type of event to payload.
pub fn module(schemas: &BTreeMap<String, Value>) -> Result<String> {
    let mut payloads = String::new();
    for (event_type, schema) in schemas {
        let payload = type_of(&schema["properties"]["payload"])
            .with_context(|| format!("the payload of {event_type}"))?;
        writeln!(payloads, "  \"{event_type}\": {payload};")?;
    }
    let mut text =
        String::from("// Generated from crates/events by `cargo xtask codegen`; changes here are lost.\n");
    for declaration in declarations(schemas)?.values() {
        write!(text, "\n{declaration}")?;
    }
    write!(
        text,
        "\n/** The payload of each type of event. */\nexport interface Payloads {{\n{payloads}}}\n"
    )?;
    Ok(text)
}

/// The module with every type of the API's document that the event catalogue does not have, and a table of the
/// operations: what goes into path and query, what is sent, what is answered.
pub fn api(document: &Value, events: &BTreeMap<String, Value>) -> Result<String> {
    let known = declarations(events)?;
    let (mut shared, mut own) = (Vec::new(), String::new());
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let declared = declaration(name, schema)?;
        match known.get(name) {
            Some(of_events) if *of_events == declared => shared.push(name.as_str()),
            Some(_) => bail!("{name} is one thing in the API and another one in an event"),
            None => write!(own, "\n{declared}")?,
        }
    }
    let shared = shared.join(", ");
    let mut operations = String::new();
    for (path, methods) in document["paths"].as_object().context("the document has paths")? {
        for (method, described) in methods.as_object().into_iter().flatten() {
            let name = format!("{} {path}", method.to_uppercase());
            let described = operation(described).with_context(|| name.clone())?;
            writeln!(operations, "  \"{name}\": {described};")?;
        }
    }
    Ok(format!(
        "// Generated from docs/api/gateway.openapi.json by `cargo xtask codegen`; changes here are lost.\n\
         import type {{ {shared} }} from \"./events\";\n\n\
         export type {{ {shared} }};\n{own}\n\
         /** The operations. What they answer is a `Blob` where it is no JSON. */\n\
         export interface Operations {{\n{operations}}}\n"
    ))
}

/// An operation of the API's document.
fn operation(described: &Value) -> Result<String> {
    let mut parameters = String::new();
    for parameter in described["parameters"].as_array().into_iter().flatten() {
        if parameter["in"] == "path" || parameter["in"] == "query" {
            let name = parameter["name"].as_str().context("a parameter has a name")?;
            let optional = if parameter["required"] == true { "" } else { "?" };
            write!(parameters, " {name}{optional}: {};", type_of(&parameter["schema"])?)?;
        }
    }
    let json = |content: &Value| content.get("application/json").map(|json| type_of(&json["schema"]));
    let body = json(&described["requestBody"]["content"]).unwrap_or_else(|| Ok("undefined".to_owned()))?;
    let responses = described["responses"].as_object().context("an operation has responses")?;
    let answered = responses.iter().find(|(status, _)| status.starts_with('2'));
    let answer = match answered.and_then(|(_, response)| response.get("content")) {
        Some(content) => json(content).unwrap_or_else(|| Ok("Blob".to_owned()))?,
        None => "undefined".to_owned(),
    };
    Ok(format!("{{ parameters: {{{parameters} }}; body: {body}; answer: {answer} }}"))
}

/// The declarations of all types that schemas define, by name.
fn declarations(schemas: &BTreeMap<String, Value>) -> Result<BTreeMap<String, String>> {
    let definitions = schemas.values().flat_map(|schema| schema["$defs"].as_object()).flatten();
    definitions.map(|(name, definition)| Ok((name.clone(), declaration(name, definition)?))).collect()
}

fn declaration(name: &str, definition: &Value) -> Result<String> {
    let about = documented("", definition);
    if definition["type"] == "object" && definition.get("properties").is_some() {
        return Ok(format!("{about}export interface {name} {{\n{}}}\n", fields(definition)?));
    }
    let alias = type_of(definition).with_context(|| name.to_owned())?;
    Ok(format!("{about}export type {name} = {alias};\n"))
}

fn fields(schema: &Value) -> Result<String> {
    let mut text = String::new();
    for (name, field) in schema["properties"].as_object().context("an object has properties")? {
        let required = schema["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name));
        let optional = if required { "" } else { "?" };
        let kind = type_of(field).with_context(|| name.clone())?;
        writeln!(text, "{}  {name}{optional}: {kind};", documented("  ", field))?;
    }
    Ok(text)
}

fn documented(indent: &str, schema: &Value) -> String {
    match schema["description"].as_str() {
        Some(text) => format!("{indent}/** {} */\n", text.replace('\n', " ").replace("*/", "* /")),
        None => String::new(),
    }
}

fn type_of(schema: &Value) -> Result<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return Ok(reference.rsplit('/').next().unwrap_or_default().to_owned());
    }
    if let Some(constant) = schema.get("const") {
        return Ok(constant.to_string());
    }
    if let Some(values) = schema["enum"].as_array() {
        return Ok(values.iter().map(Value::to_string).collect::<Vec<_>>().join(" | "));
    }
    if let Some(choices) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
        let choices: Vec<String> = choices.iter().map(type_of).collect::<Result<_>>()?;
        return Ok(choices.join(" | "));
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let parts: Vec<String> = parts
            .iter()
            .map(type_of)
            .map(|part| part.map(|part| if part.contains(" | ") { format!("({part})") } else { part }))
            .collect::<Result<_>>()?;
        return Ok(parts.join(" & "));
    }
    match &schema["type"] {
        Value::String(kind) => simple(kind, schema),
        Value::Array(kinds) => {
            let kinds: Vec<String> = kinds
                .iter()
                .filter_map(Value::as_str)
                .map(|kind| simple(kind, schema))
                .collect::<Result<_>>()?;
            Ok(kinds.join(" | "))
        }
        // Any JSON.
        Value::Null => Ok("unknown".to_owned()),
        other => bail!("the type {other} is not understood"),
    }
}

fn simple(kind: &str, schema: &Value) -> Result<String> {
    Ok(match kind {
        "string" => "string".to_owned(),
        "integer" | "number" => "number".to_owned(),
        "boolean" => "boolean".to_owned(),
        "null" => "null".to_owned(),
        "array" => match schema.get("items") {
            Some(items) => format!("Array<{}>", type_of(items)?),
            None => "unknown[]".to_owned(),
        },
        "object" => match schema.get("additionalProperties") {
            Some(values) if values.is_object() => format!("Record<string, {}>", type_of(values)?),
            _ if schema.get("properties").is_some() => format!("{{\n{}}}", fields(schema)?),
            _ => "Record<string, unknown>".to_owned(),
        },
        other => bail!("the type {other} is not understood"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_name_what_they_take_and_answer_and_share_the_events_types() {
        let asked = serde_json::json!({"type": "object", "properties": {"text": {"type": "string"}}});
        let events = BTreeMap::from([(
            "asked.v1".to_owned(),
            serde_json::json!({"$defs": {"Asked": asked}, "properties": {"payload": {"$ref": "#/$defs/Asked"}}}),
        )]);
        let mut document = serde_json::json!({
            "components": {"schemas": {
                "Asked": asked,
                "Told": {"allOf": [
                    {"$ref": "#/components/schemas/Asked"},
                    {"type": "object", "required": ["at"], "properties": {"at": {"type": "string"}}}
                ]}
            }},
            "paths": {"/turns/{id}": {"put": {
                "parameters": [
                    {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}},
                    {"name": "wait", "in": "query", "schema": {"type": "integer"}},
                    {"name": "key", "in": "header", "schema": {"type": "string"}}
                ],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Asked"}}}},
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Told"}}}},
                    "404": {}
                }
            }, "get": {"responses": {"200": {"content": {"text/csv": {}}}}}, "delete": {"responses": {"204": {}}}}}
        });
        let text = api(&document, &events).unwrap();
        for line in [
            "import type { Asked } from \"./events\";",
            "export type Told = Asked & {\n  at: string;\n};",
            "  \"PUT /turns/{id}\": { parameters: { id: string; wait?: number; }; body: Asked; answer: Told };",
            "  \"GET /turns/{id}\": { parameters: { }; body: undefined; answer: Blob };",
            "  \"DELETE /turns/{id}\": { parameters: { }; body: undefined; answer: undefined };",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        // One name for two things would be a trap for whoever imports it.
        document["components"]["schemas"]["Asked"]["properties"]["text"]["type"] = "integer".into();
        assert!(api(&document, &events).unwrap_err().to_string().contains("Asked"));
    }

    #[test]
    fn what_is_optional_nullable_and_chosen_stays_so() {
        let schema = serde_json::json!({
            "$defs": {
                "Asked": {
                    "type": "object", "description": "Somebody asked.", "required": ["text"],
                    "properties": {
                        "text": {"type": "string"}, "level": {"$ref": "#/$defs/Level"},
                        "line": {"type": ["integer", "null"]}, "any": {"description": "Anything."},
                        "files": {"type": "object", "additionalProperties": {"type": "string"}},
                        "tags": {"type": "array", "items": {"type": "string"}}
                    }
                },
                "Level": {"oneOf": [{"const": "low"}, {"const": "high"}]}
            },
            "properties": {"payload": {"$ref": "#/$defs/Asked"}}
        });
        let text = module(&BTreeMap::from([("asked.v1".to_owned(), schema)])).unwrap();
        for line in [
            "export interface Asked {",
            "  text: string;",
            "  level?: Level;",
            "  line?: number | null;",
            "  any?: unknown;",
            "  files?: Record<string, string>;",
            "  tags?: Array<string>;",
            "export type Level = \"low\" | \"high\";",
            "  \"asked.v1\": Asked;",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
