//! Threads that take turns: what programs with threads print, and what they are told when that cannot be.

mod support;

use learnflow_events::code::{Outcome, RunLimits, RunRequest};

/// Programs and what they print, as under any Python.
const PROGRAMS: [(&str, &str); 12] = [
    (
        "import threading\ncount = 0\nlock = threading.Lock()\ndef work():\n    global count\n    for _ in range(1000):\n        \
         with lock:\n            count += 1\nts = [threading.Thread(target=work) for _ in range(4)]\n\
         for t in ts: t.start()\nfor t in ts: t.join()\nprint(count, ts[0].is_alive(), threading.active_count())",
        "4000 False 1\n",
    ),
    (
        "import threading, queue\nq = queue.Queue()\ngot = []\ndef consume():\n    while (x := q.get()) is not None:\n        \
         got.append(x)\nc = threading.Thread(target=consume)\nc.start()\nfor n in range(3): q.put(n)\nq.put(None)\n\
         c.join()\nprint(got)",
        "[0, 1, 2]\n",
    ),
    (
        "import threading, queue\nq = queue.Queue()\nout = []\ndef worker():\n    while True:\n        out.append(q.get() * 2)\n        \
         q.task_done()\nthreading.Thread(target=worker, daemon=True).start()\nfor n in range(3): q.put(n)\nq.join()\nprint(out)",
        "[0, 2, 4]\n",
    ),
    (
        "from concurrent.futures import ThreadPoolExecutor, as_completed\nwith ThreadPoolExecutor(max_workers=3) as pool:\n    \
         print(list(pool.map(lambda x: x * x, range(4))))\n    fs = [pool.submit(pow, n, 3) for n in range(3)]\n    \
         print(sorted(f.result() for f in as_completed(fs)))\n    bad = pool.submit(lambda: 1 / 0)\n    print(repr(bad.exception()))",
        "[0, 1, 4, 9]\n[0, 1, 8]\nZeroDivisionError('division by zero')\n",
    ),
    (
        "import threading\nready = threading.Event()\ndef wait():\n    ready.wait()\n    print('go')\n\
         t = threading.Thread(target=wait)\nt.start()\nready.set()\nt.join()\nprint('end')",
        "go\nend\n",
    ),
    (
        "import threading\nt = threading.Timer(0.05, print, ['late'])\nt.start()\nt.join()\nprint('end')",
        "late\nend\n",
    ),
    (
        "import threading, time\ndef tick():\n    while True:\n        print('tick')\n        time.sleep(0.04)\n\
         threading.Thread(target=tick, daemon=True).start()\ntime.sleep(0.1)\nprint('done')",
        "tick\ntick\ntick\ndone\n",
    ),
    (
        "import threading\nclass Mine(threading.Thread):\n    def run(self):\n        print(self.name, threading.current_thread() is self)\n\
         Mine(name='one').start()\nprint(threading.current_thread().name)",
        "MainThread\none True\n",
    ),
    (
        "import threading\nlocal = threading.local()\nlocal.x = 1\ndef look():\n    print(hasattr(local, 'x'))\n    local.x = 2\n\
         t = threading.Thread(target=look)\nt.start()\nt.join()\nprint(local.x)",
        "False\n1\n",
    ),
    (
        "import threading\nr = threading.RLock()\nwith r:\n    with r:\n        print('twice')\n\
         s = threading.Semaphore(2)\nprint(s.acquire(), s.acquire(), s.acquire(blocking=False))\n\
         l = threading.Lock()\nl.acquire()\nprint(l.acquire(timeout=0.05), l.locked())",
        "twice\nTrue True False\nFalse True\n",
    ),
    (
        "import threading\nt = threading.Thread(target=lambda: None)\nt.start()\nwhile t.is_alive(): pass\nprint(t.is_alive())\n\
         try:\n    t.start()\nexcept RuntimeError as e:\n    print(e)",
        "False\nthreads can only be started once\n",
    ),
    (
        "import asyncio, time\ndef slow(n):\n    time.sleep(0.01)\n    return n\nasync def main():\n    \
         print(await asyncio.gather(asyncio.to_thread(slow, 1), asyncio.sleep(0.02, 2), asyncio.wait_for(asyncio.sleep(0, 3), 1)))\n    \
         async with asyncio.TaskGroup() as g:\n        t = g.create_task(asyncio.sleep(0, 4))\n    print(t.result())\n    \
         q = asyncio.Queue()\n    async def p():\n        for n in range(2): await q.put(n)\n    await asyncio.gather(p(), p())\n    \
         print(q.qsize())\nasyncio.run(main())",
        "[1, 2, 3]\n4\n4\n",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_with_threads_print_what_they_print_elsewhere() {
    let executor = support::executor(1).await;
    for (code, printed) in PROGRAMS {
        let report = support::run(&executor, code).await;
        assert_eq!(
            (report.outcome, report.stdout.as_str()),
            (Outcome::Ok, printed),
            "{code}\n{}",
            report.stderr
        );
        assert_eq!(report.stderr, "", "{code}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exception_in_a_thread_is_shown_and_the_program_goes_on() {
    let executor = support::executor(1).await;
    let code = "import threading\ndef f():\n    1 / 0\nt = threading.Thread(target=f, name='worker')\nt.start()\nt.join()\nprint('on')";
    let report = support::run(&executor, code).await;
    assert_eq!((report.outcome, report.stdout.as_str()), (Outcome::Ok, "on\n"));
    let expected = "Exception in thread worker:\nTraceback (most recent call last):\n  File \"main.py\", line 3, in f\n    1 / 0\n    \
                    ~~^~~\nZeroDivisionError: division by zero\n";
    assert_eq!(report.stderr, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_that_go_back_and_forth_are_told_why_they_cannot() {
    let executor = support::executor(1).await;
    // A buffer of one place: producer and consumer depend on each other at every step.
    let back_and_forth = "import threading, queue\nq = queue.Queue(1)\ndef put():\n    for n in range(3): q.put(n)\ndef get():\n    \
                          for _ in range(3): q.get()\nts = [threading.Thread(target=f) for f in (put, get)]\n\
                          for t in ts: t.start()\nfor t in ts: t.join()\n";
    let report = support::run(&executor, back_and_forth).await;
    assert!(report.stderr.contains("RuntimeError: this thread waits for something"), "{report:?}");
    let report =
        support::run(&executor, "import threading\nl = threading.Lock()\nl.acquire()\nl.acquire()\n").await;
    assert_eq!(report.outcome, Outcome::Raised);
    assert!(report.error.unwrap().message.starts_with("deadlock"));
    let many = "import threading\nwhile True:\n    threading.Thread(target=print).start()\n";
    let report = support::run(&executor, many).await;
    assert_eq!(report.error.unwrap().message, "can't start new thread");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_with_a_frozen_clock_ends() {
    let executor = support::executor(1).await;
    let code = "import threading, time\ndef f():\n    time.sleep(3600)\n    print('slept')\nt = threading.Thread(target=f)\nt.start()\n\
                t.join(timeout=7200)\nprint(threading.Event().wait(3600))";
    let request = RunRequest {
        code: code.to_owned(),
        seed: Some(1),
        clock_ms: Some(0),
        limits: RunLimits { wall_ms: Some(5_000), ..RunLimits::default() },
        ..RunRequest::default()
    };
    let report = support::run_request(&executor, request).await;
    assert_eq!(report.stdout, "slept\nFalse\n", "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn modules_that_are_not_there_say_why() {
    let executor = support::executor(1).await;
    for (module, why) in [
        ("turtle", "no screen"),
        ("tkinter", "no screen"),
        ("multiprocessing", "one process"),
        ("ctypes", "libraries of C"),
        ("numpy", "standard library"),
        ("ssl", "no network"),
    ] {
        let report = support::run(&executor, &format!("import {module}")).await;
        let error = report.error.unwrap();
        assert_eq!(error.kind, "ModuleNotFoundError");
        assert!(error.message.contains(why), "{module}: {}", error.message);
    }
}
