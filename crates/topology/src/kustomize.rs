//! The part of kustomize that our overlays use: resources, patches (JSON 6902, and merging of maps), images and
//! ConfigMaps of files.
//! Any other field of a kustomization.yaml is an error, so that the runner never differs from `kubectl kustomize`
//! without saying so.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;

use crate::{
    error::Errors,
    node::{Map, Node, Place, Value},
    patch,
    strict::{self, Located},
    yaml,
};

/// The largest manifest that is read.
const FILE_BYTES: u64 = 1024 * 1024;
/// Overlay on base on base…
const DEPTH: usize = 8;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kustomization {
    api_version: Option<Located<String>>,
    kind: Option<Located<String>>,
    #[serde(default)]
    resources: Vec<Located<String>>,
    #[serde(default)]
    patches: Vec<Patch>,
    #[serde(default)]
    images: Vec<Image>,
    #[serde(default)]
    config_map_generator: Vec<Located<ConfigMapGenerator>>,
}

/// A ConfigMap of files. Its name stays as it is: `disableNameSuffixHash` must be set.
#[derive(Deserialize)]
struct ConfigMapGenerator {
    name: String,
    namespace: String,
    files: Vec<Located<String>>,
    options: GeneratorOptions,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GeneratorOptions {
    disable_name_suffix_hash: bool,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Patch {
    path: Option<Located<String>>,
    patch: Option<Located<String>>,
    target: Option<Target>,
}

/// Which objects a patch is for. Real kustomize reads these as regular expressions; here they are plain names.
#[derive(Deserialize)]
struct Target {
    group: Option<String>,
    version: Option<String>,
    kind: Option<String>,
    name: Option<String>,
    namespace: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Image {
    name: String,
    new_name: Option<String>,
    new_tag: Option<String>,
    digest: Option<String>,
}

/// The objects of the kustomization in `folder` (relative to `root`, `/` between parts).
pub(crate) fn build(root: &Path, folder: &str, errors: &mut Errors) -> Vec<Node> {
    build_at_depth(root, folder, DEPTH, errors)
}

fn build_at_depth(root: &Path, folder: &str, depth: usize, errors: &mut Errors) -> Vec<Node> {
    let file = format!("{folder}/kustomization.yaml");
    if depth == 0 {
        errors
            .at(&Place::file(&file), format!("bases are nested more than {DEPTH} deep: is there a circle?"));
        return Vec::new();
    }
    let Some(text) = read_file(root, &file, &Place::file(&file), errors) else { return Vec::new() };
    let documents = yaml::parse(&file, &text, errors);
    let [document] = documents.as_slice() else {
        errors.at(&Place::file(&file), format!("expected one document, found {}", documents.len()));
        return Vec::new();
    };
    let Some(kustomization) = strict::read::<Kustomization>(document, errors) else { return Vec::new() };
    for (field, expected) in [
        (&kustomization.api_version, "kustomize.config.k8s.io/v1beta1"),
        (&kustomization.kind, "Kustomization"),
    ] {
        if let Some(found) = field
            && found.value != expected
        {
            errors.at(&found.at, format!("expected {expected}, found {}", found.value));
        }
    }

    let mut objects = Vec::new();
    for resource in &kustomization.resources {
        let Some(path) = join(folder, &resource.value) else {
            errors.at(&resource.at, format!("{} is outside the checkout", resource.value));
            continue;
        };
        if root.join(&path).is_dir() {
            objects.extend(build_at_depth(root, &path, depth - 1, errors));
        } else if let Some(text) = read_file(root, &path, &resource.at, errors) {
            objects.extend(yaml::parse(&path, &text, errors));
        }
    }
    for generator in &kustomization.config_map_generator {
        objects.extend(config_map(root, folder, generator, errors));
    }
    refuse_duplicates(&objects, errors);
    for patch in &kustomization.patches {
        apply(root, folder, &document.at, patch, &mut objects, errors);
    }
    for object in &mut objects {
        set_images(object, &kustomization.images);
    }
    objects
}

fn config_map(
    root: &Path,
    folder: &str,
    generator: &Located<ConfigMapGenerator>,
    errors: &mut Errors,
) -> Option<Node> {
    let Located { at, value: generator } = generator;
    if !generator.options.disable_name_suffix_hash {
        errors.at(at, "set disableNameSuffixHash: names with a hash are not supported");
    }
    let text = |value: &str| Node { at: at.clone(), value: Value::String(value.to_owned()) };
    let map = |entries: Vec<(&str, Node)>| {
        let mut map = Map::default();
        entries.into_iter().for_each(|(name, node)| map.set(name, node));
        Node { at: at.clone(), value: Value::Map(map) }
    };
    let mut data = Vec::new();
    for file in &generator.files {
        let Some(path) = join(folder, &file.value) else {
            errors.at(&file.at, format!("{} is outside the checkout", file.value));
            continue;
        };
        let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
        data.push((name, text(&read_file(root, &path, &file.at, errors)?)));
    }
    let labels = generator.options.labels.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
    let data = data.iter().map(|(name, node)| (name.as_str(), node.clone())).collect();
    let metadata = vec![
        ("name", text(&generator.name)),
        ("namespace", text(&generator.namespace)),
        ("labels", map(labels)),
    ];
    Some(map(vec![
        ("apiVersion", text("v1")),
        ("kind", text("ConfigMap")),
        ("metadata", map(metadata)),
        ("data", map(data)),
    ]))
}

/// Reads a file; what fails is reported at the place that asked for it.
pub(crate) fn read_file(root: &Path, file: &str, asked_at: &Place, errors: &mut Errors) -> Option<String> {
    let path = root.join(file);
    let too_large = fs::metadata(&path).is_ok_and(|metadata| metadata.len() > FILE_BYTES);
    if too_large {
        errors.at(asked_at, format!("{file} is larger than {FILE_BYTES} bytes"));
        return None;
    }
    fs::read_to_string(&path)
        .map_err(|error| errors.at(asked_at, format!("cannot read {file}: {error}")))
        .ok()
}

/// `folder/relative` without `.` and `..`; `None` when that leaves the root.
fn join(folder: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// What identifies an object, as in `Service.serving.knative.dev learnflow/debug`.
pub(crate) fn identity(object: &Node) -> String {
    let (group, _) = group_version(object);
    let group = if group.is_empty() { String::new() } else { format!(".{group}") };
    let namespace = object.text(&["metadata", "namespace"]);
    let separator = if namespace.is_empty() { "" } else { "/" };
    format!("{}{group} {namespace}{separator}{}", object.text(&["kind"]), object.text(&["metadata", "name"]))
}

fn group_version(object: &Node) -> (&str, &str) {
    let api_version = object.text(&["apiVersion"]);
    api_version.split_once('/').unwrap_or(("", api_version))
}

fn refuse_duplicates(objects: &[Node], errors: &mut Errors) {
    for (index, object) in objects.iter().enumerate() {
        let name = identity(object);
        if let Some(first) = objects[..index].iter().find(|other| identity(other) == name) {
            errors.at(&object.at, format!("{name} is declared twice, first at {:?}", first.at));
        }
    }
}

fn apply(root: &Path, folder: &str, at: &Place, patch: &Patch, objects: &mut [Node], errors: &mut Errors) {
    let (asked_at, file, text) = match (&patch.path, &patch.patch) {
        (Some(path), None) => {
            let Some(file) = join(folder, &path.value) else {
                return errors.at(&path.at, format!("{} is outside the checkout", path.value));
            };
            let Some(text) = read_file(root, &file, &path.at, errors) else { return };
            (&path.at, file, text)
        }
        (None, Some(inline)) => (&inline.at, inline.at.file.to_string(), inline.value.clone()),
        _ => return errors.at(at, "a patch has either path or patch"),
    };
    for document in yaml::parse(&file, &text, errors) {
        let mut matched = false;
        for object in objects.iter_mut().filter(|object| is_target(object, patch.target.as_ref(), &document))
        {
            matched = true;
            match &document.value {
                Value::List(operations) => patch::json_6902(object, operations, errors),
                _ => patch::merge(object, &document, errors),
            }
        }
        if !matched {
            errors.at(asked_at, "the patch matches no object");
        }
    }
}

fn is_target(object: &Node, target: Option<&Target>, patch: &Node) -> bool {
    let Some(target) = target else { return identity(object) == identity(patch) };
    let (group, version) = group_version(object);
    let same = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
    same(&target.group, group)
        && same(&target.version, version)
        && same(&target.kind, object.text(&["kind"]))
        && same(&target.name, object.text(&["metadata", "name"]))
        && same(&target.namespace, object.text(&["metadata", "namespace"]))
}

/// Renames images of containers, wherever they are in an object.
fn set_images(node: &mut Node, images: &[Image]) {
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| set_images(item, images)),
        Value::Map(map) => {
            for (key, child) in &mut map.0 {
                if let ("containers" | "initContainers", Value::List(containers)) =
                    (key.name.as_str(), &mut child.value)
                {
                    containers.iter_mut().for_each(|container| set_image(container, images));
                } else {
                    set_images(child, images);
                }
            }
        }
        _ => {}
    }
}

fn set_image(container: &mut Node, images: &[Image]) {
    let Value::Map(Map(entries)) = &mut container.value else { return };
    let Some((_, image)) = entries.iter_mut().find(|(key, _)| key.name == "image") else { return };
    let Value::String(reference) = &mut image.value else { return };
    for replacement in images {
        let (name, suffix) = split_image(reference);
        if name != replacement.name {
            continue;
        }
        let suffix = match (&replacement.digest, &replacement.new_tag) {
            (Some(digest), _) => format!("@{digest}"),
            (None, Some(tag)) => format!(":{tag}"),
            (None, None) => suffix.to_owned(),
        };
        *reference = format!("{}{suffix}", replacement.new_name.as_deref().unwrap_or(name));
        return;
    }
}

/// The name of an image, and its tag or digest with the separator.
fn split_image(reference: &str) -> (&str, &str) {
    if let Some(at) = reference.find('@') {
        return reference.split_at(at);
    }
    let path = reference.rfind('/').map_or(0, |slash| slash + 1);
    match reference[path..].find(':') {
        Some(colon) => reference.split_at(path + colon),
        None => (reference, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_names_tags_and_digests() {
        for (reference, name, suffix) in [
            ("app", "app", ""),
            ("app:1", "app", ":1"),
            ("registry:5000/app", "registry:5000/app", ""),
            ("registry:5000/app:1", "registry:5000/app", ":1"),
            ("app@sha256:ab", "app", "@sha256:ab"),
        ] {
            assert_eq!(split_image(reference), (name, suffix), "{reference}");
        }
    }

    #[test]
    fn paths_stay_inside() {
        assert_eq!(join("a/b", "../c/./d").as_deref(), Some("a/c/d"));
        assert_eq!(join("a", "../../etc"), None);
    }
}
