//! Runs that can be repeated bit for bit: seed, frozen clock, counted instructions, receipts.

mod support;

use learnflow_events::code::{Outcome, RunLimits, RunReport, RunRequest};
use learnflow_sandbox_host::{Executor, ExecutorOptions, Receipt, ReplayError};

fn executor() -> Executor {
    Executor::load(support::counting_interpreter(), ExecutorOptions::default()).unwrap()
}

fn request(code: &str, fuel: Option<u64>) -> RunRequest {
    RunRequest {
        code: code.to_owned(),
        stdin: "a\n".to_owned(),
        seed: Some(7),
        clock_ms: Some(1_700_000_000_000),
        limits: RunLimits { fuel, timeout_ms: Some(60_000), ..RunLimits::default() },
        ..RunRequest::default()
    }
}

fn receipt(report: &RunReport) -> Receipt {
    serde_json::from_value(report.receipt.clone().expect("the run is repeatable")).unwrap()
}

/// Depends on everything that a program could tell two runs apart by.
const CURIOUS: &str = "import random, time, uuid, secrets, os, datetime\nprint(random.random(), uuid.uuid4(), \
                       secrets.token_hex(), os.urandom(4), time.time(), time.perf_counter(), time.process_time(), \
                       datetime.datetime.now(), hash('a'), id(object()), input(), {str(n) for n in range(9)})\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_repeats_a_run_bit_for_bit() {
    for fuel in [None, Some(2_000_000_000)] {
        let first = support::run_request(&executor(), request(CURIOUS, fuel)).await;
        assert_eq!(first.outcome, Outcome::Ok, "{first:?}");
        assert_eq!(first.fuel_used.is_some(), fuel.is_some());
        let receipt_of_first = receipt(&first);
        let bare =
            RunRequest { seed: None, clock_ms: None, limits: RunLimits::default(), ..request(CURIOUS, None) };
        let again = support::run_request(&executor(), receipt_of_first.replay(bare).unwrap()).await;
        assert_eq!((&first.stdout, first.fuel_used), (&again.stdout, again.fuel_used));
        receipt_of_first.verify(&receipt(&again)).unwrap();

        let other = RunRequest { seed: Some(8), ..request(CURIOUS, fuel) };
        let other = support::run_request(&executor(), other).await;
        assert_eq!(receipt_of_first.verify(&receipt(&other)), Err(ReplayError::Diverged("output")));
        let changed = request(&format!("{CURIOUS}#"), fuel);
        assert_eq!(receipt_of_first.replay(changed), Err(ReplayError::Different("program")));
        let typed = RunRequest { stdin: "b\n".to_owned(), ..request(CURIOUS, fuel) };
        assert_eq!(receipt_of_first.replay(typed), Err(ReplayError::Different("input")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuel_ends_a_program_at_the_same_instruction() {
    let endless = "n = 0\nwhile True:\n    n += 1\n    print(n)\n";
    let mut printed = Vec::new();
    for fuel in [20_000_000, 20_000_000, 20_000_100] {
        let report = support::run_request(&executor(), request(endless, Some(fuel))).await;
        assert_eq!((report.outcome, report.fuel_used), (Outcome::Timeout, Some(fuel)), "{}", report.stderr);
        assert!(report.stdout.starts_with("1\n2\n"), "{}", report.stdout);
        printed.push((report.stdout.len(), receipt(&report)));
    }
    assert_eq!(printed[0], printed[1]);
    let more = support::run_request(&executor(), request(endless, Some(40_000_000))).await;
    assert!(more.stdout.len() > printed[0].0);
    printed[0].1.verify(&printed[2].1).unwrap_err();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_runs_with_fuel_are_counted() {
    let report = support::run(&executor(), "print(1)").await;
    assert_eq!((report.fuel_used, report.receipt), (None, None));
}
