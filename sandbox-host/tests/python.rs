//! Python as students know it: input and output, files, errors, limits, tests and recorded steps.

mod support;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use learnflow_events::code::{Outcome, RunLimits, RunRequest, TestCase, TestRequest};
use learnflow_sandbox_host::{Interrupt, RunIo, Stream};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn output_error_and_exit_code_are_as_under_python() {
    let executor = support::executor(1).await;
    let report = support::run(&executor, "def f(xs):\n    return xs[2]\n\nprint('a')\nf([1])\n").await;
    assert_eq!(report.outcome, Outcome::Raised);
    assert_eq!((report.stdout.as_str(), report.exit_code), ("a\n", 1));
    let error = report.error.unwrap();
    assert_eq!((error.kind.as_str(), error.line, error.file.as_str()), ("IndexError", Some(2), "main.py"));
    assert!(error.explanation.contains("`xs`"), "{}", error.explanation);
    insta::assert_snapshot!(report.stderr, @r#"
    Traceback (most recent call last):
      File "main.py", line 5, in <module>
        f([1])
        ~^^^^^
      File "main.py", line 2, in f
        return xs[2]
               ~~^^^
    IndexError: list index out of range
    "#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_ending_has_its_outcome() {
    let executor = support::executor(1).await;
    let limits = RunLimits {
        timeout_ms: Some(200),
        memory_mib: Some(64),
        output_bytes: Some(1_000),
        ..RunLimits::default()
    };
    for (code, outcome, exit_code, stdout) in [
        ("print(1)", Outcome::Ok, 0, "1\n"),
        ("print(1)\nraise SystemExit(3)", Outcome::Exited, 3, "1\n"),
        ("print(1)\n1/0", Outcome::Raised, 1, "1\n"),
        ("print(1\n", Outcome::SyntaxError, 1, ""),
        ("print(1)\nwhile True: pass", Outcome::Timeout, 124, "1\n"),
        ("print(1)\nx = [0] * 10**8", Outcome::MemoryLimit, 137, "1\n"),
        ("print('x' * 2000)", Outcome::OutputLimit, 137, ""),
    ] {
        let request = RunRequest { code: code.to_owned(), limits, ..RunRequest::default() };
        let report = support::run_request(&executor, request).await;
        assert_eq!((report.outcome, report.exit_code), (outcome, exit_code), "{code}: {report:?}");
        assert!(report.stdout.starts_with(stdout), "{code}: {report:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_arguments_and_input() {
    let executor = support::executor(1).await;
    let request = RunRequest {
        code: "import sys, helper\nfrom pkg.mod import f\nprint(sys.argv, helper.twice(int(input())), f(), \
               open('data/x.txt').read(), input())"
            .to_owned(),
        files: [
            ("helper.py", "def twice(x):\n    return 2 * x\n"),
            ("pkg/__init__.py", ""),
            ("pkg/mod.py", "def f(): return __name__\n"),
            ("data/x.txt", "hé"),
        ]
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .into(),
        stdin: "21\nlast".to_owned(),
        argv: vec!["a b".to_owned()],
        ..RunRequest::default()
    };
    let report = support::run_request(&executor, request.clone()).await;
    assert_eq!(report.stdout, "['main.py', 'a b'] 42 pkg.mod hé last\n", "{report:?}");
    let report = support::run_request(
        &executor,
        RunRequest { code: "import helper\nhelper.twice()".to_owned(), ..request },
    )
    .await;
    let error = report.error.unwrap();
    assert_eq!((error.line, error.file.as_str()), (Some(2), "main.py"));
}

/// Its traceback has a thousand frames, of which all but a few are alike.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_recursion_is_explained_from_the_ends_of_its_traceback() {
    let executor = support::executor(1).await;
    let code = "def down(n):\n    return down(n - 1)\n\ndown(5)\n";
    let request = RunRequest { code: code.to_owned(), ..RunRequest::default() };
    let report = executor.run(&request, RunIo::default()).await.unwrap();
    let error = report.error.unwrap();
    assert_eq!((error.kind.as_str(), error.line), ("RecursionError", Some(2)));
    assert!(error.traceback.contains("line 4, in <module>"), "{}", error.traceback);
    assert!(error.traceback.contains("  [Previous line repeated 99"), "{}", error.traceback);
    assert!(error.parts.what.contains("calls itself"), "{:?}", error.parts);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_types_while_the_program_runs() {
    let executor = support::executor(1).await;
    let (lines, receiver) = tokio::sync::mpsc::channel(4);
    let (heard_to, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let io = RunIo {
        output: Some(Box::new(move |stream, text| heard_to.send((stream, text.to_owned())).unwrap())),
        lines: Some(receiver),
        ..RunIo::default()
    };
    let code = "import sys\nname = input('who? ')\nprint('hi', name)\nprint('warn', file=sys.stderr)\nprint(input())";
    let request = RunRequest { code: code.to_owned(), ..RunRequest::default() };
    let run = async { executor.run(&request, io).await.unwrap() };
    let person = async {
        assert_eq!(heard.recv().await.unwrap(), (Stream::Stdout, "who? ".to_owned()));
        lines.send("Ada\n".to_owned()).await.unwrap();
        assert_eq!(heard.recv().await.unwrap(), (Stream::Stdout, "hi Ada\n".to_owned()));
        assert_eq!(heard.recv().await.unwrap(), (Stream::Stderr, "warn\n".to_owned()));
        drop(lines);
    };
    let (report, ()) = tokio::join!(run, person);
    assert_eq!(report.error.unwrap().kind, "EOFError");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_costs_no_processor_time() {
    let executor = support::executor(1).await;
    let limits = RunLimits { timeout_ms: Some(100), ..RunLimits::default() };
    let code = "import time\ntime.sleep(0.5)\nprint('awake')".to_owned();
    let report = support::run_request(&executor, RunRequest { code, limits, ..RunRequest::default() }).await;
    assert_eq!((report.outcome, report.stdout.as_str()), (Outcome::Ok, "awake\n"));
    assert!(report.duration_us >= 500_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_is_a_keyboard_interrupt_and_then_the_end() {
    let executor = support::executor(1).await;
    for (code, printed) in [
        ("print('go')\ntry:\n    input()\nexcept KeyboardInterrupt:\n    print('bye')\n", "go\nbye\n"),
        ("print('go')\nwhile True: pass\n", "go\n"),
        (
            "print('go')\ntry:\n    while True: pass\nexcept KeyboardInterrupt:\n    print('bye')\n",
            "go\nbye\n",
        ),
        (
            "print('go')\ntry:\n    sum(map(abs, iter(int, 1)))\nexcept KeyboardInterrupt:\n    print('bye')\n",
            "go\n",
        ),
        ("print('go')\nimport time\ntime.sleep(100)\n", "go\n"),
    ] {
        let interrupt = Interrupt::default();
        let (to, from) = tokio::sync::oneshot::channel();
        let to = Arc::new(Mutex::new(Some(to)));
        let (_lines, receiver) = tokio::sync::mpsc::channel(1);
        let io = RunIo {
            output: Some(Box::new(move |_, _| {
                if let Some(to) = to.lock().unwrap().take() {
                    to.send(()).unwrap();
                }
            })),
            lines: Some(receiver),
            interrupt: interrupt.clone(),
            ..RunIo::default()
        };
        let request = RunRequest { code: code.to_owned(), ..RunRequest::default() };
        let started = Instant::now();
        let (report, ()) = tokio::join!(executor.run(&request, io), async {
            from.await.unwrap();
            interrupt.interrupt();
        });
        let report = report.unwrap();
        assert_eq!(report.stdout, printed);
        assert!(matches!(report.outcome, Outcome::Interrupted | Outcome::Ok), "{report:?}");
        if code.ends_with("while True: pass\n") {
            // Not stopped from outside: the exception came to where the program was.
            assert_eq!(report.error.map(|error| error.line), Some(Some(2)));
        }
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tests_give_verdicts_that_beginners_read() {
    let executor = support::executor(1).await;
    let call = |name: &str, call: &str, expected: &str| TestCase::Call {
        name: name.to_owned(),
        call: call.to_owned(),
        expected: expected.to_owned(),
    };
    let source = "import unittest\nfrom sums import add\nclass T(unittest.TestCase):\n    def test_good(self):\n        \
                  self.assertEqual(add(1, 0), 1)\n    def test_bad(self):\n        self.assertEqual(add(1, 2), 3)\n";
    let request = TestRequest {
        code: "def add(a, b):\n    return a - b\ndef half(x):\n    print(x / 2)\ndef third():\n    return 1 / 3\n".to_owned(),
        module: "sums".to_owned(),
        tests: vec![
            call("same", "add(2, 0)", "2"),
            call("other", "add(1, 2)", "3"),
            call("prints", "half(4)", "2.0"),
            call("floats", "third()", "0.3333333333333"),
            call("raises", "add(1)", "1"),
            TestCase::Unittest { name: "file".to_owned(), source: source.to_owned() },
        ],
        ..TestRequest::default()
    };
    let report = executor.test(&request).await.unwrap();
    assert!(!report.passed);
    let passed: Vec<_> = report.verdicts.iter().map(|v| (v.name.as_str(), v.passed)).collect();
    assert_eq!(
        passed,
        [
            ("same", true),
            ("other", false),
            ("prints", false),
            ("floats", true),
            ("raises", false),
            ("T.test_bad", false),
            ("T.test_good", true),
        ]
    );
    assert!(
        report.verdicts[1].message.contains("expected: 3\n  got:      -1"),
        "{}",
        report.verdicts[1].message
    );
    assert!(report.verdicts[2].message.contains("return"), "{}", report.verdicts[2].message);
    assert!(report.verdicts[4].message.contains("TypeError"), "{}", report.verdicts[4].message);
    assert!(report.verdicts[5].message.contains("-1 != 3"), "{}", report.verdicts[5].message);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_steps_show_aliasing_and_output() {
    let executor = support::executor(1).await;
    let request = RunRequest {
        code: "a = [1]\nb = a\nb.append(2)\nprint(len(a))\n".to_owned(),
        trace: true,
        ..RunRequest::default()
    };
    let report = support::run_request(&executor, request).await;
    assert_eq!((report.outcome, report.stdout.as_str()), (Outcome::Ok, "2\n"));
    insta::assert_json_snapshot!(report.trace.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recording_is_cut_and_the_program_goes_on() {
    let executor = support::executor(1).await;
    let request = RunRequest {
        code: "for i in range(1000):\n    x = i\nprint(x)\n".to_owned(),
        trace: true,
        limits: RunLimits { trace_steps: Some(100), ..RunLimits::default() },
        ..RunRequest::default()
    };
    let report = support::run_request(&executor, request).await;
    assert_eq!(report.stdout, "999\n");
    let trace = report.trace.unwrap();
    assert_eq!(trace["cut"], "steps");
    assert_eq!(trace["steps"].as_array().unwrap().len(), 100);
}

/// Frames that come and go, a variable that is deleted, and an exception that is caught a frame further up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_steps_show_calls_deletions_and_exceptions() {
    let executor = support::executor(1).await;
    let code = "\
def half(n):
    return 10 // n

def tried(n):
    try:
        return half(n)
    except ZeroDivisionError as error:
        return str(error)

first = tried(5)
del first
second = tried(0)
";
    let request = RunRequest { code: code.to_owned(), trace: true, ..RunRequest::default() };
    let report = support::run_request(&executor, request).await;
    assert_eq!(report.outcome, Outcome::Ok);
    insta::assert_json_snapshot!(report.trace.unwrap());
}

/// What would show that somebody looks: methods that a recorder could call by accident, objects that it could keep
/// alive, frames and trace functions, and an error at the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_does_not_notice_that_it_is_recorded() {
    let executor = support::executor(1).await;
    let code = r#"
import gc, sys, weakref

class Shy:
    def __init__(self, name):
        self.name = name
    def __repr__(self):
        print("repr of", self.name)
        return "Shy"
    def __getattr__(self, name):
        print("asked for", name)
        raise AttributeError(name)
    def __eq__(self, other):
        print("compared")
        return True
    def __hash__(self):
        print("hashed")
        return 1
    def __len__(self):
        print("measured")
        return 0
    def __iter__(self):
        print("iterated")
        return iter(())
    def __del__(self):
        print("gone:", self.name)

class Lazy(dict):
    def __missing__(self, key):
        print("missing", key)
    def items(self):
        print("items")
        return super().items()

def count(to):
    for i in range(to):
        yield i

shy = Shy("a")
alias = shy
watched = weakref.ref(shy)
lazy = Lazy(x=1)
numbers = count(3)
print(next(numbers), sys.gettrace(), sys.getprofile())
del alias
del shy
print(watched() is None)
for value in numbers:
    shy = Shy(str(value))
print(len(gc.get_referrers(lazy)))
try:
    {}[watched]
except KeyError as error:
    print(type(error).__name__, len(error.args))
print(sorted(name for name in globals() if not name.startswith("__")))
print(shy.missing)
"#;
    let run = async |trace| {
        let request = RunRequest { code: code.to_owned(), trace, ..RunRequest::default() };
        support::run_request(&executor, request).await
    };
    let (plain, recorded) = (run(false).await, run(true).await);
    assert!(plain.stdout.contains("gone: a\nTrue\n"), "{}", plain.stdout);
    assert_eq!(plain.outcome, Outcome::Raised);
    assert!(
        recorded.trace.is_some_and(|trace| trace["steps"].as_array().is_some_and(|steps| steps.len() > 30))
    );
    assert_eq!((recorded.outcome, recorded.exit_code), (plain.outcome, plain.exit_code));
    assert_eq!(recorded.stdout, plain.stdout);
    assert_eq!(recorded.stderr, plain.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_says_what_cut_it() {
    let executor = support::executor(1).await;
    let large =
        "xs = []\nfor i in range(50_000):\n    xs = [str(i) + 'x' * 150 for _ in range(50)]\nprint(i)\n";
    let endless = "i = 0\nwhile True:\n    i += 1\n";
    for (code, limits, cut, stdout) in [
        (
            large,
            RunLimits { trace_steps: Some(100_000), timeout_ms: Some(20_000), ..RunLimits::default() },
            "bytes",
            "49999\n",
        ),
        (
            endless,
            RunLimits { trace_steps: Some(100_000), timeout_ms: Some(50), ..RunLimits::default() },
            "stopped",
            "",
        ),
    ] {
        let request = RunRequest { code: code.to_owned(), trace: true, limits, ..RunRequest::default() };
        let report = support::run_request(&executor, request).await;
        let trace = report.trace.unwrap();
        assert_eq!(
            (trace["cut"].as_str(), report.stdout.as_str()),
            (Some(cut), stdout),
            "{:?}",
            report.outcome
        );
        assert!(trace["steps"].as_array().is_some_and(|steps| !steps.is_empty()));
        assert!(trace.to_string().len() <= (4 << 20) + 4_096, "{}", trace.to_string().len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_library_of_a_first_course_is_there() {
    let executor = support::executor(1).await;
    let modules = "abc argparse array ast asyncio base64 bisect calendar cmath collections contextlib copy csv dataclasses \
                   datetime decimal difflib dis doctest enum fractions functools glob graphlib hashlib heapq html io \
                   itertools json keyword logging math numbers operator os pathlib pickle platform pprint queue random re \
                   sched secrets shelve shlex shutil sqlite3 statistics string struct sys tempfile textwrap this time \
                   timeit tokenize tomllib traceback turtle_not typing unicodedata unittest unittest.mock urllib.parse \
                   uuid warnings weakref xml.etree.ElementTree zipfile zlib zoneinfo configparser fileinput fnmatch gzip";
    let code = format!(
        "import importlib\nmissing = []\nfor n in '{modules}'.split():\n    try: importlib.import_module(n)\n    \
         except Exception as e: missing.append(n)\nprint('missing', missing)"
    );
    let report = support::run(&executor, &code).await;
    assert!(report.stdout.ends_with("missing ['turtle_not']\n"), "{report:?}");
}
