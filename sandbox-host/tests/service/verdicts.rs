//! `/tests`: the three kinds, each test apart from the others, with what a beginner reads.

use serde_json::{Value, json};

use crate::harness::{Options, Service};

const PROGRAM: &str = "\
seen = []

def add(a, b):
    seen.append(a)
    if len(seen) > 1:
        return 'state of another test'
    return a + b

def greet(name):
    print('Hello', name)

if __name__ == '__main__':
    print('Sum:', add(int(input()), int(input())))
";

const UNITTEST: &str = "\
import unittest
import calculator

class TestAdd(unittest.TestCase):
    def test_first(self):
        self.assertEqual(calculator.add(1, 1), 2)

    def test_second(self):
        self.assertEqual(calculator.add(1, 2), 3)

    def test_wrong(self):
        self.assertEqual(calculator.add(2, 2), 5)
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_test_is_judged_apart() {
    let service = Service::start(Options::default()).await;
    let request = json!({
        "code": PROGRAM,
        "module": "calculator",
        "tests": [
            { "kind": "call", "name": "adds", "call": "add(2, 3)", "expected": "5" },
            { "kind": "call", "name": "adds again", "call": "add(0.1, 0.2)", "expected": "0.3" },
            { "kind": "call", "name": "greets", "call": "greet('Ada')", "expected": "'Hello Ada'" },
            { "kind": "call", "name": "raises", "call": "add(1, 'x')", "expected": "2" },
            { "kind": "io", "name": "sums", "stdin": "2\n3\n", "stdout": "Sum: 5" },
            { "kind": "io", "name": "sums wrongly", "stdin": "2\n3\n", "stdout": "Sum: 6" },
            { "kind": "io", "name": "waits", "stdin": "2\n", "stdout": "Sum: 2" },
            { "kind": "unittest", "name": "file", "source": UNITTEST },
        ],
    });
    let report = service.answer("/tests", &request).await;
    assert_eq!(report["passed"], false);
    let verdicts: Vec<Value> = report["verdicts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|verdict| {
            assert!(verdict["duration_us"].as_u64().unwrap() > 0, "{verdict}");
            json!({ "name": verdict["name"], "passed": verdict["passed"], "outcome": verdict["outcome"],
                "message": verdict["message"].as_str().unwrap().lines().collect::<Vec<_>>() })
        })
        .collect();
    insta::assert_json_snapshot!(verdicts);
    assert_eq!(service.metric(r#"sandbox_tests_total{passed="false"}"#).await, 1.0);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_failure_can_end_it_and_endless_programs_do_not_take_the_rest_along() {
    let service = Service::start(Options::default()).await;
    let test =
        |name: &str, call: &str| json!({ "kind": "call", "name": name, "call": call, "expected": "1" });
    let mut request = json!({
        "code": "def one(): return 1\ndef endless():\n  while True: pass\n",
        "limits": { "timeout_ms": 300 },
        "tests": [test("a", "one()"), test("b", "endless()"), test("c", "one()")],
    });
    let passed = |report: &Value| -> Vec<bool> {
        report["verdicts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|verdict| verdict["passed"].as_bool().unwrap())
            .collect()
    };
    let report = service.answer("/tests", &request).await;
    assert_eq!(passed(&report), [true, false, true]);
    assert_eq!(report["verdicts"][1]["outcome"], "timeout");
    request["fail_fast"] = json!(true);
    assert_eq!(passed(&service.answer("/tests", &request).await), [true, false]);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_only_wants_verdicts_gets_no_explanations() {
    let service = Service::start(Options::default()).await;
    let mut request = json!({
        "code": "def first(values): return values[0]\nfirst([1])\nprint(input())\n",
        "tests": [
            { "kind": "call", "name": "none", "call": "first([])", "expected": "1" },
            { "kind": "io", "name": "no line", "stdin": "", "stdout": "" },
        ],
    });
    let explained = service.answer("/tests", &request).await;
    request["verdicts_only"] = json!(true);
    let judged = service.answer("/tests", &request).await;
    for at in 0..2 {
        let (explained, judged) = (&explained["verdicts"][at], &judged["verdicts"][at]);
        assert_eq!(judged["passed"], false);
        assert_eq!(judged["error"]["type"], explained["error"]["type"]);
        assert_eq!(judged["error"]["line"], explained["error"]["line"]);
        assert_ne!(explained["error"]["parts"]["what"], "");
        assert_eq!(judged["error"]["parts"]["what"], "");
    }
    service.stop().await;
}
