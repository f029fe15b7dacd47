//! What a cluster would get: every kustomization built by kustomize itself, and every object of it held to the
//! definition of its kind, by validators that share no code with this crate.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

use jsonschema::Validator;
use learnflow_provision::{manifests, tools_dir};
use serde_json::{Map, Value};
use tempfile::TempDir;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Every folder with a kustomization, relative to the checkout.
fn kustomizations() -> Vec<String> {
    fn find(folder: &Path, found: &mut Vec<String>) {
        if folder.join("kustomization.yaml").is_file() {
            let relative = folder.strip_prefix(root()).unwrap();
            found.push(relative.to_str().unwrap().to_owned());
        }
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                find(&path, found);
            }
        }
    }
    let mut found = Vec::new();
    for folder in ["knative", "eventing"] {
        find(&root().join(folder), &mut found);
    }
    found.sort();
    found
}

/// What kustomize makes of a folder.
fn built(folder: &str) -> Vec<Value> {
    let kustomize = manifests::kustomize(&tools_dir(root())).unwrap_or_else(|error| panic!("{error}"));
    let output = Command::new(kustomize).arg("build").arg(root().join(folder)).output().unwrap();
    assert!(output.status.success(), "{folder}: {}", String::from_utf8_lossy(&output.stderr));
    // Our reader of YAML, on one file without anything to build, only turns it into JSON.
    let copy = TempDir::new().unwrap();
    fs::create_dir(copy.path().join("built")).unwrap();
    let kustomization =
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [all.yaml]\n";
    fs::write(copy.path().join("built/kustomization.yaml"), kustomization).unwrap();
    fs::write(copy.path().join("built/all.yaml"), output.stdout).unwrap();
    learnflow_topology::render(copy.path(), "built").unwrap_or_else(|errors| panic!("{folder}:\n{errors}"))
}

/// All objects of all kustomizations, each with where it came from. Built once.
static OBJECTS: LazyLock<Vec<(String, Value)>> = LazyLock::new(|| {
    let mut objects = Vec::new();
    for folder in kustomizations() {
        objects.extend(built(&folder).into_iter().map(|object| (folder.clone(), object)));
    }
    objects
});

fn kind(object: &Value) -> (String, String) {
    let text = |name: &str| object[name].as_str().unwrap().to_owned();
    (text("apiVersion"), text("kind"))
}

fn identity(object: &Value) -> [String; 4] {
    let (api_version, kind) = kind(object);
    let metadata = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
    [api_version, kind, metadata("namespace"), metadata("name")]
}

/// The schemas of schemas/, for kinds of which no package registry has a model.
static SCHEMAS: LazyLock<BTreeMap<(String, String), Validator>> = LazyLock::new(|| {
    let mut schemas = BTreeMap::new();
    for entry in fs::read_dir(root().join("crates/topology/schemas")).unwrap() {
        let path = entry.unwrap().path();
        let schema: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let constant = |name: &str| schema["properties"][name]["const"].as_str().unwrap().to_owned();
        let key = (constant("apiVersion"), constant("kind"));
        assert_eq!(path.file_stem().unwrap().to_str().unwrap(), key.1, "the file is called after the kind");
        schemas.insert(key, jsonschema::validator_for(&schema).unwrap());
    }
    schemas
});

/// What the models say of each object: nothing when they do not know its kind.
fn faults_by_models(objects: &[&Value]) -> Vec<Option<Vec<String>>> {
    let (python, packages) = manifests::models(&tools_dir(root())).unwrap_or_else(|error| panic!("{error}"));
    let mut command = Command::new(python);
    command.arg(root().join("crates/topology/tests/models.py")).env("PYTHONPATH", packages);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(serde_json::to_string(objects).unwrap().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn our_reader_and_kustomize_build_the_same() {
    let folders = kustomizations();
    assert!(folders.len() > 12, "{folders:?}");
    for folder in folders {
        let mut ours =
            learnflow_topology::render(root(), &folder).unwrap_or_else(|errors| panic!("{errors}"));
        let mut theirs: Vec<Value> =
            OBJECTS.iter().filter(|(of, _)| *of == folder).map(|(_, object)| object.clone()).collect();
        ours.sort_by_key(identity);
        theirs.sort_by_key(identity);
        assert_eq!(ours.len(), theirs.len(), "{folder}");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(ours, theirs, "{folder}");
        }
    }
}

#[test]
fn every_object_is_as_its_kind_is_defined() {
    let objects: Vec<&Value> = OBJECTS.iter().map(|(_, object)| object).collect();
    let mut problems = Vec::new();
    for ((folder, object), faults) in OBJECTS.iter().zip(faults_by_models(&objects)) {
        let what = identity(object).join(" ");
        let schema = SCHEMAS.get(&kind(object));
        match (schema, faults) {
            (None, None) => problems.push(format!("{folder}: nothing knows the kind of {what}")),
            (Some(_), Some(_)) => problems.push(format!("{what}: there is a model, so schemas/ needs none")),
            (Some(schema), None) => problems.extend(
                schema
                    .iter_errors(object)
                    .map(|error| format!("{folder}: {what}: {} {error}", error.instance_path())),
            ),
            (None, Some(faults)) => {
                problems.extend(faults.into_iter().map(|fault| format!("{folder}: {what}: {fault}")));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let used: BTreeSet<_> = objects.iter().map(|object| kind(object)).collect();
    for kind in SCHEMAS.keys() {
        assert!(used.contains(kind), "the schema of {kind:?} is not used any more");
    }
}

/// Maps whose keys people choose, and filters, into which only Knative's webhook looks (rejected.rs does the same).
const FREE: [&str; 15] = [
    "labels",
    "annotations",
    "data",
    "matchLabels",
    "exact",
    "filters",
    "prefix",
    "suffix",
    "config",
    "nodeSelector",
    "requests",
    "limits",
    "extensions",
    "metadata",
    "httpHeaders",
];

/// Copies of an object, each with one key in one of its maps misspelt.
fn misspelt(object: &Value) -> Vec<(String, Value)> {
    fn maps(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                if !path.is_empty() && !map.is_empty() {
                    found.push(path.to_owned());
                }
                for (key, child) in map.iter().filter(|(key, _)| !FREE.contains(&key.as_str())) {
                    maps(child, &format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), found);
                }
            }
            Value::Array(items) => {
                for (index, child) in items.iter().enumerate() {
                    maps(child, &format!("{path}/{index}"), found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    maps(object, "", &mut found);
    // Knative's definition of a Service keeps whatever stands there; the keys of a plain Service's selector are labels.
    let open = |path: &str| match object["apiVersion"].as_str() {
        Some("serving.knative.dev/v1") => path.ends_with("/emptyDir"),
        Some("v1") => object["kind"] == "Service" && path == "/spec/selector",
        _ => false,
    };
    found
        .into_iter()
        .filter(|path| !open(path))
        .map(|path| {
            let mut copy = object.clone();
            let map: &mut Map<String, Value> = copy.pointer_mut(&path).unwrap().as_object_mut().unwrap();
            let (key, value) = map.iter().next().map(|(key, value)| (key.clone(), value.clone())).unwrap();
            map.remove(&key);
            map.insert(format!("{key}x"), value);
            (format!("{}{path}/{key}", identity(object).join(" ")), copy)
        })
        .collect()
}

/// A validator that lets misspelt keys pass would make the test above worth nothing.
#[test]
fn a_misspelt_key_anywhere_is_rejected() {
    // One object of each kind: the largest has most places.
    let mut largest: BTreeMap<(String, String), &Value> = BTreeMap::new();
    for (_, object) in OBJECTS.iter() {
        let known = largest.entry(kind(object)).or_insert(object);
        if object.to_string().len() > known.to_string().len() {
            *known = object;
        }
    }
    let (mut by_schema, mut by_model) = (0, Vec::new());
    for (kind, object) in &largest {
        for (what, wrong) in misspelt(object) {
            match SCHEMAS.get(kind) {
                Some(schema) => {
                    assert!(!schema.is_valid(&wrong), "accepted: {what}");
                    by_schema += 1;
                }
                None => by_model.push((what, wrong)),
            }
        }
    }
    assert!(by_schema > 50 && by_model.len() > 100, "{by_schema} and {} cases", by_model.len());
    let wrong: Vec<&Value> = by_model.iter().map(|(_, wrong)| wrong).collect();
    for ((what, _), faults) in by_model.iter().zip(faults_by_models(&wrong)) {
        assert!(faults.is_none_or(|faults| !faults.is_empty()), "accepted: {what}");
    }
}

/// Where everything is.
#[test]
fn objects_live_in_the_namespaces_of_the_descriptions() {
    let allowed: BTreeSet<&str> = [
        "learnflow",
        "kafka",
        "postgres",
        "argocd",
        "knative-eventing",
        "knative-serving",
        "kourier-system",
        "",
    ]
    .into();
    for (folder, object) in OBJECTS.iter() {
        let [_, kind, namespace, name] = identity(object);
        assert!(allowed.contains(namespace.as_str()), "{folder}: {kind} {namespace}/{name}");
        let cluster_wide = ["Namespace", "RuntimeClass"].contains(&kind.as_str());
        assert_eq!(namespace.is_empty(), cluster_wide, "{folder}: {kind} {name}");
    }
}

/// `kubectl apply -k` of a folder that nothing tests would be a surprise.
#[test]
fn every_manifest_belongs_to_a_kustomization() {
    let mut read: BTreeSet<PathBuf> = BTreeSet::new();
    for folder in kustomizations() {
        let text = fs::read_to_string(root().join(&folder).join("kustomization.yaml")).unwrap();
        for file in text.split(|c: char| c.is_whitespace() || ",[]{}".contains(c)) {
            if file.ends_with(".yaml") || file.ends_with(".json") {
                read.insert(root().join(&folder).join(file));
            }
        }
    }
    fn orphans(folder: &Path, read: &BTreeSet<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                orphans(&path, read);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                let known = path.ends_with("kustomization.yaml") || read.contains(&path);
                assert!(known, "no kustomization reads {}", path.display());
            }
        }
    }
    for folder in ["knative", "eventing"] {
        orphans(&root().join(folder), &read);
    }
}
