//! Nothing of one run is there in the next, and a prepared interpreter looks like a fresh one.

mod support;

use learnflow_events::code::{Outcome, RunRequest};

/// Says everything about the interpreter that a program can see and that ought not to differ between runs.
const STATE: &str = r"
import sys, os, builtins, gc, random, decimal, locale, warnings, json, collections, threading, linecache
import logging, re
def listing(path):
    return sorted(os.path.join(d, f) for d, _, fs in os.walk(path) for f in fs)
print(json.dumps({
    'main': sorted(globals()),
    'modules': sorted(sys.modules),
    'builtins': sorted(vars(builtins)),
    'files': listing('/'),
    'cwd': os.getcwd(),
    'environ': dict(os.environ),
    'argv': sys.argv,
    'path': sys.path,
    'meta_path': [type(f).__name__ for f in sys.meta_path],
    'recursion': sys.getrecursionlimit(),
    'digits': sys.get_int_max_str_digits(),
    'precision': decimal.getcontext().prec,
    'filters': len(warnings.filters),
    'linecache': sorted(linecache.cache),
    'handlers': len(logging.root.handlers),
    'trace': str(sys.gettrace()) + str(sys.getprofile()),
    'hooks': [sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__],
    'gc': [gc.isenabled(), gc.get_threshold(), gc.garbage],
    'type attributes': len(vars(collections.Counter)),
    'stdin': sys.stdin.read(),
    'last': [hasattr(sys, n) for n in ('last_exc', 'last_value', 'last_traceback')],
    'exception': str(sys.exception()),
}, sort_keys=True))
";

/// Changes as much as it can of what [`STATE`] shows.
const POISON: &str = r"
import sys, os, builtins, random, decimal, warnings, linecache, logging, gc, collections, threading
builtins.secret = 'of the run before'
sys.modules['json'] = None
os.environ['SECRET'] = 'x'
open('/tmp/secret', 'w').write('secret')
open('secret.py', 'w').write('x = 1')
import secret
os.chdir('/tmp')
sys.argv.append('x'); sys.path.insert(0, '/tmp')
sys.setrecursionlimit(77)
sys.set_int_max_str_digits(1000)
decimal.getcontext().prec = 3
warnings.simplefilter('error')
linecache.cache['x'] = (1, None, ['x'], 'x')
logging.basicConfig()
sys.excepthook = sys.displayhook = None
gc.disable(); gc.set_threshold(1)
collections.Counter.secret = 1
random.seed(1)
keep = bytearray(b'very secret bytes of the run before' * 1000)
sys.settrace(lambda *a: None)
sys.last_value = 1
builtins.len = builtins.print = lambda *x: 42
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_state_leaks_between_runs() {
    for prepared in [0, 2] {
        let executor = support::executor(prepared).await;
        let clean = support::run(&executor, STATE).await;
        assert_eq!(clean.outcome, Outcome::Ok, "{clean:?}");
        for _ in 0..6 {
            let poisoned = support::run(&executor, POISON).await;
            assert_eq!(poisoned.outcome, Outcome::Ok, "{poisoned:?}");
            let after = support::run(&executor, STATE).await;
            assert_eq!(after.stdout, clean.stdout);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prepared_interpreter_looks_like_a_fresh_one() {
    let fresh = support::run(&support::executor(0).await, STATE).await;
    let prepared = support::run(&support::executor(1).await, STATE).await;
    assert_eq!(fresh.stdout, prepared.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_of_one_run_is_not_in_the_next() {
    let executor = support::executor(1).await;
    let secret = "s3cr3t-of-the-first-run";
    for _ in 0..3 {
        let code = format!("x = ['{secret}' + str(i) for i in range(10_000)]");
        assert_eq!(support::run(&executor, &code).await.outcome, Outcome::Ok);
        // All memory that a program can get at: fresh buffers, and every object that the collector knows.
        let search = r"
import gc
needle = '-'.join(['s3cr3t', 'of', 'the', ''])
found = 0
for size in (100, 1000, 10_000, 100_000, 1_000_000):
    for _ in range(20):
        found += needle.encode() in bytes(bytearray(size))
for o in gc.get_objects():
    if isinstance(o, (list, tuple)):
        for x in o[:20]:
            found += isinstance(x, str) and x.startswith(needle)
print(found)
";
        assert_eq!(support::run(&executor, search).await.stdout, "0\n");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_state_is_fresh_and_seeds_repeat() {
    let executor = support::executor(2).await;
    let code = "import random, uuid, secrets\nprint(random.random(), uuid.uuid4(), secrets.token_hex(4))";
    let first = support::run(&executor, code).await;
    let second = support::run(&executor, code).await;
    assert_ne!(first.stdout, second.stdout);
    let seeded = |seed| RunRequest { code: code.to_owned(), seed: Some(seed), ..RunRequest::default() };
    let one = support::run_request(&executor, seeded(7)).await;
    let two = support::run_request(&executor, seeded(7)).await;
    let other = support::run_request(&executor, seeded(8)).await;
    assert_eq!(one.stdout, two.stdout);
    assert_ne!(one.stdout, other.stdout);
}

/// What is there before a program is not counted, see `immortal.rs`; what a program makes is counted and collected.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_a_program_makes_is_counted() {
    let code = r"
import sys, gc, weakref, json, enum
print(all(sys.getrefcount(thing) >= 2**30 for thing in (json, json.dumps, enum.Enum, sys.modules, json.dumps.__code__)))
class Node: pass
one, other = Node(), Node()
print(sys.getrefcount(one), sys.getrefcount(Node) < 100)
one.other, other.other = other, one
gone = weakref.ref(one)
del one, other
gc.collect()
print(gone())
";
    for prepared in [0, 1] {
        let report = support::run(&support::executor(prepared).await, code).await;
        assert_eq!(report.stdout, "True\n2 True\nNone\n", "{report:?}");
    }
}
