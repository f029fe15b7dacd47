//! Whether programs behave in the sandbox as under the machine's own Python: the exercises of an Exercism track, each
//! with its example solution and its test file, in both.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use learnflow_events::code::{RunLimits, TestCase, TestRequest};
use learnflow_sandbox_host::Executor;
use serde::Deserialize;
use serde_json::json;

/// Runs the tests of the folder that it is started in; prints which passed.
const NATIVE: &str = r"
import json, sys, unittest
sys.path.insert(0, '.')
result = {}
class Result(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        result['.'.join(test.id().split('.')[1:])] = True
    def bad(self, test):
        result['.'.join(test.id().split('.')[1:])] = False
    def addError(self, test, err): self.bad(test)
    def addFailure(self, test, err): self.bad(test)
    def addSubTest(self, test, subtest, err):
        if err is not None: self.bad(test)
unittest.TestLoader().loadTestsFromName(sys.argv[1]).run(Result())
print(json.dumps(result))
";

/// What a track says of an exercise (`.meta/config.json`).
#[derive(Deserialize)]
struct Config {
    files: Files,
}

#[derive(Deserialize)]
struct Files {
    solution: Vec<String>,
    test: Vec<String>,
    #[serde(default)]
    example: Vec<String>,
    #[serde(default)]
    editor: Vec<String>,
}

struct Exercise {
    name: String,
    solution: (String, String),
    test: (String, String),
    beside: BTreeMap<String, String>,
}

/// Whether each test passed, by name.
type Verdicts = BTreeMap<String, bool>;

/// Compares all exercises below `track/exercises/practice` and prints what differs. Fails when anything does.
pub async fn compare(executor: Arc<Executor>, track: &Path, json: bool) -> Result<()> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(track.join("exercises/practice"))
        .with_context(|| format!("{} is no Exercism track", track.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join(".meta/config.json").is_file())
        .collect();
    folders.sort();
    let exercises = folders.iter().map(|folder| read(folder)).collect::<Result<Vec<_>>>()?;
    let exercises: Vec<Exercise> = exercises.into_iter().flatten().collect();
    ensure!(!exercises.is_empty(), "{} has no exercise with an example", track.display());
    let compared: Vec<Result<Compared>> = futures::stream::iter(exercises)
        .map(|exercise| both(Arc::clone(&executor), exercise))
        .buffered(2)
        .collect()
        .await;
    let compared = compared.into_iter().collect::<Result<Vec<_>>>()?;
    let tests: usize = compared.iter().map(|one| one.native.len()).sum();
    let different: Vec<&Compared> = compared.iter().filter(|one| !one.differences().is_empty()).collect();
    let failing = compared.iter().filter(|one| one.native.values().any(|passed| !passed)).count();
    if json {
        let differences: BTreeMap<_, _> =
            different.iter().map(|one| (one.name.as_str(), one.differences())).collect();
        let summary = json!({ "exercises": compared.len(), "tests": tests, "different": differences,
                              "exercises_that_fail_natively": failing });
        println!("{summary}");
    } else {
        for one in &different {
            println!("{}", one.name);
            for line in one.differences() {
                println!("  {line}");
            }
        }
        println!(
            "{} exercises with {tests} tests; {} behave differently; {failing} do not pass under the machine's own Python",
            compared.len(),
            different.len()
        );
    }
    ensure!(different.is_empty(), "{} exercises behave differently in the sandbox", different.len());
    Ok(())
}

struct Compared {
    name: String,
    native: Verdicts,
    sandbox: Verdicts,
    messages: BTreeMap<String, String>,
}

impl Compared {
    /// What differs, a line for each test.
    fn differences(&self) -> Vec<String> {
        let names: BTreeSet<&String> = self.native.keys().chain(self.sandbox.keys()).collect();
        let said = |passed: Option<&bool>| match passed {
            Some(true) => "passes",
            Some(false) => "fails",
            None => "is missing",
        };
        let different = names.into_iter().filter(|name| self.native.get(*name) != self.sandbox.get(*name));
        different
            .map(|name| {
                let (native, here) = (said(self.native.get(name)), said(self.sandbox.get(name)));
                let why = self.messages.get(name).map(|message| format!(": {message}")).unwrap_or_default();
                format!("{name} {native} natively and {here} here{why}")
            })
            .collect()
    }
}

/// An exercise, or `None` when it has no example solution.
fn read(folder: &Path) -> Result<Option<Exercise>> {
    let text = |name: &str| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let config: Config = serde_json::from_str(&text(".meta/config.json")?)
        .with_context(|| format!("{}/.meta/config.json", folder.display()))?;
    let Files { solution, test: tests, example, editor } = config.files;
    let (Some(solution), Some(test), Some(example)) = (solution.first(), tests.first(), example.first())
    else {
        return Ok(None);
    };
    let others = tests.iter().skip(1).chain(&editor);
    let beside = others.map(|name| Ok((name.clone(), text(name)?))).collect::<Result<_>>()?;
    Ok(Some(Exercise {
        name: folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        solution: (solution.clone(), text(example)?),
        test: (test.clone(), text(test)?),
        beside,
    }))
}

async fn both(executor: Arc<Executor>, exercise: Exercise) -> Result<Compared> {
    let native = natively(&exercise).with_context(|| exercise.name.clone())?;
    let stem = exercise.solution.0.trim_end_matches(".py").to_owned();
    let request = TestRequest {
        code: exercise.solution.1,
        module: stem,
        files: exercise.beside,
        tests: vec![TestCase::Unittest { name: "all".to_owned(), source: exercise.test.1 }],
        limits: RunLimits { timeout_ms: Some(30_000), ..RunLimits::default() },
        ..TestRequest::default()
    };
    let report = executor.test(&request).await.with_context(|| exercise.name.clone())?;
    let sandbox = report.verdicts.iter().map(|verdict| (verdict.name.clone(), verdict.passed)).collect();
    let failed = report.verdicts.into_iter().filter(|verdict| !verdict.passed);
    let messages = failed.map(|verdict| (verdict.name, verdict.message)).collect();
    Ok(Compared { name: exercise.name, native, sandbox, messages })
}

fn natively(exercise: &Exercise) -> Result<Verdicts> {
    let folder = tempfile::tempdir()?;
    let files = exercise.beside.iter();
    for (name, text) in files.chain([&exercise.solution, &exercise.test].map(|(name, text)| (name, text))) {
        std::fs::write(folder.path().join(name), text)?;
    }
    let output = Command::new("python3")
        .args(["-c", NATIVE, exercise.test.0.trim_end_matches(".py")])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .context("python3 does not run")?;
    let text = String::from_utf8(output.stdout)?;
    let last = text.lines().last().context("python3 printed nothing")?;
    Ok(serde_json::from_str(last)?)
}
