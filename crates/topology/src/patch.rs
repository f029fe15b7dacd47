//! Patches of kustomize: RFC 6902 operations, and merging of maps.

use serde::Deserialize;

use crate::{
    error::Errors,
    node::{Node, Value},
    strict,
};

#[derive(Deserialize)]
struct Operation {
    op: Op,
    path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Op {
    Add,
    Replace,
    Remove,
}

/// Applies RFC 6902 operations (add, replace and remove).
pub(crate) fn json_6902(object: &mut Node, operations: &[Node], errors: &mut Errors) {
    for written in operations {
        // `value` is any tree, which the strict reader has no type for: it is taken out first.
        let mut head = written.clone();
        let value = written.map().and_then(|map| map.get("value")).cloned();
        if let Value::Map(map) = &mut head.value {
            map.remove("value");
        }
        let Some(operation) = strict::read::<Operation>(&head, errors) else { continue };
        if let Err(message) = operate(object, &operation, value) {
            errors.at(&written.at, format!("{}: {message}", operation.path));
        }
    }
}

fn operate(object: &mut Node, operation: &Operation, value: Option<Node>) -> Result<(), String> {
    let path: Vec<String> = match operation.path.strip_prefix('/') {
        Some(path) => path.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect(),
        None => return Err("a path begins with /".into()),
    };
    let (last, parents) = path.split_last().ok_or("the path is empty")?;
    let mut parent = object;
    for part in parents {
        parent = match &mut parent.value {
            Value::Map(map) => map.get_mut(part),
            Value::List(items) => part.parse().ok().and_then(|index: usize| items.get_mut(index)),
            _ => None,
        }
        .ok_or_else(|| format!("there is no {part:?}"))?;
    }
    let needed = || value.clone().ok_or("the operation has no value");
    match (&mut parent.value, &operation.op) {
        (Value::Map(map), Op::Add) => map.set(last, needed()?),
        (Value::Map(map), Op::Replace) => {
            *map.get_mut(last).ok_or("there is nothing to replace")? = needed()?
        }
        (Value::Map(map), Op::Remove) => {
            if !map.remove(last) {
                return Err("there is nothing to remove".into());
            }
        }
        (Value::List(items), Op::Add) => {
            let index = if last == "-" { items.len() } else { last.parse().map_err(|_| "not an index")? };
            if index > items.len() {
                return Err(format!("the list has {} items", items.len()));
            }
            items.insert(index, needed()?);
        }
        (Value::List(items), Op::Replace) => {
            let index: usize = last.parse().map_err(|_| "not an index")?;
            *items.get_mut(index).ok_or("there is nothing to replace")? = needed()?;
        }
        (Value::List(items), Op::Remove) => {
            let index: usize = last.parse().map_err(|_| "not an index")?;
            if index >= items.len() {
                return Err("there is nothing to remove".into());
            }
            items.remove(index);
        }
        _ => return Err("its parent is neither a map nor a list".into()),
    }
    Ok(())
}

/// Merges maps; `null` removes. Lists are refused: how they merge depends on the kind, so a JSON 6902 patch says it
/// more clearly.
pub(crate) fn merge(object: &mut Node, patch: &Node, errors: &mut Errors) {
    let (Value::Map(target), Value::Map(changes)) = (&mut object.value, &patch.value) else {
        return errors.at(&patch.at, "a patch is a map, or a list of JSON 6902 operations");
    };
    for (key, change) in &changes.0 {
        match (target.get_mut(&key.name), &change.value) {
            (_, Value::Null) => drop(target.remove(&key.name)),
            (_, Value::List(_)) => {
                errors.at(&change.at, format!("{}: patch lists with JSON 6902 operations", key.name));
            }
            (Some(child), Value::Map(_)) if child.map().is_some() => merge(child, change, errors),
            _ => target.set(&key.name, change.clone()),
        }
    }
}
