"""Runs many versions of a program against its tests, in one interpreter; see driver.rs for what goes in and out.

It runs inside the sandbox as a program of its own. What is found here is evidence; a version is only called
right after it has passed the tests in fresh interpreters.
"""

import ast
import collections
import io
import json
import sys
import time
import types
import unittest

MONITORING = sys.monitoring
EVENTS = MONITORING.events
TOOL = 3
SHOWN_STEPS = 10
# Versions between two notes of how far it got, so that what follows a version that kills the run can be tried.
NOTE_EVERY = 16

_real_stdout = sys.stdout
_clock = time.process_time
_wall = time.monotonic


def say(message):
    _real_stdout.write(json.dumps(message, separators=(",", ":")) + "\n")
    _real_stdout.flush()


class Spent(BaseException):
    """A version took more rounds than it may."""


class Sink(io.TextIOBase):
    """Takes what programs print."""

    def write(self, text):
        return len(text)

    def writable(self):
        return True


class Printed(Sink):
    """Keeps what a program prints, up to a limit."""

    limit = 64 * 1024

    def __init__(self):
        self.parts = []

    def write(self, text):
        if self.limit > 0:
            self.limit -= len(text)
            self.parts.append(text)
        return len(text)

    def lines(self):
        return lines_of("".join(self.parts))


def lines_of(text):
    """What counts of an output: spaces and empty lines at the end do not."""
    text = text.rstrip()
    return [line.rstrip() for line in text.split("\n")] if text else []


class Result(unittest.TestResult):
    """The first thing that went wrong."""

    def __init__(self):
        super().__init__()
        self.error = None

    def _note(self, err):
        if self.error is None:
            self.error = err

    def addError(self, test, err):
        self._note(err)

    def addFailure(self, test, err):
        self._note(err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._note(err)

    def addUnexpectedSuccess(self, test):
        self._note((AssertionError, AssertionError("the test was expected to fail, but passed"), None))

    def _exc_info_to_string(self, err, test):
        return ""


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


PLAN = json.loads(read("plan.json"))
MODULE = PLAN["module"]
# Inputs with what must be printed for them, where that is what the tests are.
EXAMPLES = {f"example {number}": example for number, example in enumerate(PLAN["examples"], 1)}
# Unlike the driver's own file name, which is main.py.
PROGRAM = f"program/{MODULE or 'main'}.py"
TESTS = "test_program"
SOURCE = read("program.txt").encode()
TEST_CODE = compile(read("tests.txt"), f"{TESTS}.py", "exec", dont_inherit=True) if MODULE else None
# Byte offsets at which the statements of the module start; only the one that differs is compiled anew.
STARTS = PLAN["starts"]
BOUNDS = list(zip(STARTS, [*STARTS[1:], len(SOURCE)]))


class Meter:
    """Counts rounds of loops and calls in the program; ends it when there are too many."""

    rounds = 0
    limit = 0
    until = None

    def count(self, code, *where):
        if code.co_filename != PROGRAM:
            return MONITORING.DISABLE
        self.rounds += 1
        if self.rounds > self.limit:
            raise Spent
        if self.until is not None and self.rounds % 256 == 0 and _clock() > self.until:
            self.limit = 0
            raise Spent

    def watch(self, events):
        if MONITORING.get_tool(TOOL) is None:
            MONITORING.use_tool_id(TOOL, "experiment")
        for event in (EVENTS.JUMP, EVENTS.PY_START, EVENTS.PY_RESUME):
            MONITORING.register_callback(TOOL, event, self.count)
        MONITORING.set_events(TOOL, EVENTS.JUMP | EVENTS.PY_START | EVENTS.PY_RESUME | events)

    def start(self, limit, until=None):
        self.rounds, self.limit, self.until = 0, limit, until


METER = Meter()


def module(name, code_objects, path):
    """A module of that name, made by running the code; the exception that ended it, if one did."""
    made = types.ModuleType(name)
    made.__file__ = path
    sys.modules[name] = made
    for code in code_objects:
        exec(code, made.__dict__)
    return made


def describe(error, tb):
    """Type, message, innermost line in the program, line in the tests."""
    line = test_line = None
    while tb is not None:
        path = tb.tb_frame.f_code.co_filename
        if path == PROGRAM:
            line = tb.tb_lineno
        elif path == f"{TESTS}.py":
            test_line = tb.tb_lineno
        tb = tb.tb_next
    try:
        message = str(error)[:300]
    except BaseException:
        message = ""
    return type(error).__name__, message, line, test_line


def run_test(tests, name):
    """Runs one test method. None when it passes, otherwise (exception, traceback)."""
    kind, method = name
    holder = tests
    for part in kind.split("."):
        holder = getattr(holder, part)
    case = holder(method)
    result = Result()
    plain = holder.setUpClass.__func__ is unittest.TestCase.setUpClass.__func__
    if plain and not hasattr(tests, "setUpModule"):
        case.run(result)
    else:
        unittest.TestSuite([case])(result)
    if result.error is None:
        return None
    return result.error[1], result.error[2]


def run_example(code_objects, name):
    """Runs the program on an input. None when it prints what it should, otherwise (exception, traceback)."""
    given, expected = EXAMPLES[name]
    sys.stdin, sys.stdout = io.StringIO(given), Printed()
    printed = sys.stdout
    try:
        module("__main__", code_objects, PROGRAM)
    except SystemExit:
        # A program may end itself.
        pass
    finally:
        sys.stdout = SINK
    got, wanted = printed.lines(), lines_of(expected)
    if got == wanted:
        return None
    same = next((at for at, (one, other) in enumerate(zip(got, wanted)) if one != other), min(len(got), len(wanted)))
    here, there = (lines[same] if same < len(lines) else "nothing more" for lines in (got, wanted))
    return AssertionError(f"Line {same + 1} of the output is {here}, and {there} is expected"), None


def attempt(code_objects, name):
    """Imports the program and its tests afresh and runs one test (or the program itself, without tests)."""
    sys.stdin = io.StringIO(PLAN["stdin"])
    try:
        if EXAMPLES:
            return run_example(code_objects, name[1])
        if not MODULE:
            module("__main__", code_objects, PROGRAM)
            return None
        module(MODULE, code_objects, PROGRAM)
        return run_test(module(TESTS, [TEST_CODE], f"{TESTS}.py"), name)
    except SystemExit as error:
        return None if not MODULE and error.code in (None, 0) else (error, error.__traceback__)
    except BaseException as error:
        return error, error.__traceback__


# The program as it is: coverage, types, last steps.


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def names_of_tests(code_objects):
    if not MODULE:
        return [("", name) for name in EXAMPLES] or [("", "the program")]
    module(MODULE, code_objects, PROGRAM)
    loaded = unittest.TestLoader().loadTestsFromModule(module(TESTS, [TEST_CODE], f"{TESTS}.py"))
    return [(type(case).__qualname__, case._testMethodName) for case in flatten(loaded)]


def names_in_source():
    """The test methods of a file that cannot be loaded, because the program that it imports cannot."""
    names = []
    for node in ast.parse(read("tests.txt")).body if MODULE else []:
        if isinstance(node, ast.ClassDef):
            methods = [item.name for item in node.body if isinstance(item, ast.FunctionDef)]
            names.extend((node.name, name) for name in methods if name.startswith("test"))
    return names or [("", "the program")]


SIMPLE = (int, float, bool, str, type(None), complex, bytes)


def shown(value, depth=2):
    """A value as text, without running anything of the program."""
    kind = type(value)
    if kind in SIMPLE:
        if kind is int and value.bit_length() > 200:
            return "a very large number"
        text = repr(value)
        return text if len(text) <= 60 else text[:57] + "..."
    if kind in (list, tuple, set, frozenset, dict):
        if not value:
            return repr(value)
        if depth == 0:
            return "..."
        if kind is dict:
            items = [f"{shown(k, depth - 1)}: {shown(v, depth - 1)}" for k, v in list(value.items())[:6]]
        else:
            items = [shown(item, depth - 1) for item in list(value)[:6]]
        if len(value) > 6:
            items.append("...")
        inside = ", ".join(items)
        return {list: f"[{inside}]", tuple: f"({inside})"}.get(kind, f"{{{inside}}}")
    if kind is types.FunctionType:
        return f"the function {value.__name__}"
    return f"a {kind.__name__}"


HIDDEN = {"__name__", "__doc__", "__package__", "__loader__", "__spec__", "__builtins__", "__file__", "__cached__"}


def variables(frame):
    for name, value in list(frame.f_locals.items()):
        if name in HIDDEN or name.startswith("__") or isinstance(value, (types.ModuleType, type)):
            continue
        if frame.f_code.co_name == "<module>" and type(value) is types.FunctionType:
            continue
        yield name, value


class Watcher:
    """Lines, types of variables, and the last steps of one test."""

    def __init__(self):
        self.lines = set()
        self.steps = collections.deque(maxlen=SHOWN_STEPS)
        self.count = 0
        self.from_step = None
        self.types = collections.defaultdict(lambda: collections.defaultdict(set))

    def line(self, code, line):
        if code.co_filename != PROGRAM:
            return MONITORING.DISABLE
        self.lines.add(line)
        self.count += 1
        if self.from_step is not None and self.count >= self.from_step:
            frame = sys._getframe(1)
            self.steps.append((line, code.co_qualname, {name: shown(value) for name, value in variables(frame)}))
        elif self.count <= 60 or self.count % 64 == 0:
            self._types(sys._getframe(1))

    def returned(self, code, offset, value):
        if code.co_filename != PROGRAM:
            return MONITORING.DISABLE
        if self.count <= 2000:
            self._types(sys._getframe(1))

    def unwound(self, code, offset, error):
        if code.co_filename == PROGRAM and self.count <= 2000:
            self._types(sys._getframe(1))

    def _types(self, frame):
        types_of = self.types[frame.f_code.co_qualname]
        for name, value in variables(frame):
            kinds = types_of[name]
            if len(kinds) < 4:
                kinds.add(type(value).__name__)

    def watch(self):
        METER.watch(EVENTS.LINE | EVENTS.PY_RETURN | EVENTS.PY_UNWIND)
        MONITORING.register_callback(TOOL, EVENTS.LINE, self.line)
        MONITORING.register_callback(TOOL, EVENTS.PY_RETURN, self.returned)
        MONITORING.register_callback(TOOL, EVENTS.PY_UNWIND, self.unwound)


def last_steps(steps):
    """Each with what changed since the one before in the same function."""
    told, before = [], {}
    for line, function, values in steps:
        known = before.get(function, {})
        changed = {name: text for name, text in values.items() if known.get(name) != text}
        told.append({"line": line, "function": function, "values": changed})
        before[function] = values
    return told


def baseline():
    """Runs every test on the program as it is."""
    whole = [compile(SOURCE, PROGRAM, "exec", dont_inherit=True)]
    METER.start(10**9, _clock() + PLAN["test_seconds"])
    METER.watch(0)
    try:
        names = names_of_tests(whole)
    except BaseException as error:
        kind, message, line, _ = describe(error, error.__traceback__)
        say({"broken": [kind, message, line]})
        names = names_in_source()
    looped = False
    recorded = False
    all_types = {}
    end = _clock() + PLAN["baseline_seconds"]
    for name in names:
        MONITORING.restart_events()
        watcher = Watcher()
        watcher.watch()
        seconds = PLAN["test_seconds"] / (4 if looped else 1)
        METER.start(10**9, min(_clock() + seconds, max(end, _clock() + 0.01)))
        wrong = attempt(whole, name)
        rounds, lines, count = METER.rounds, watcher.lines, watcher.count
        told = {"test": ".".join(part for part in name if part), "name": name, "rounds": rounds}
        told["lines"] = sorted(lines)
        if wrong is not None:
            error, tb = wrong
            spent = isinstance(error, Spent) or METER.limit == 0
            looped = looped or spent
            told["wrong"] = list(describe(error, tb))
            if spent:
                told["wrong"][:2] = ["Endless", ""]
            if not recorded:
                recorded = True
                # A second time, with values, since showing them at every step would take long.
                again = Watcher()
                again.from_step = max(1, count - SHOWN_STEPS + 1) if not spent else max(1, min(count, 400) - SHOWN_STEPS)
                MONITORING.restart_events()
                again.watch()
                METER.start(rounds + 1 if not spent else min(rounds, 400))
                attempt(whole, name)
                told["steps"] = last_steps(again.steps)
        say(told)
        for function, types_of in watcher.types.items():
            known = all_types.setdefault(function, {})
            for variable, kinds in types_of.items():
                known.setdefault(variable, set()).update(kinds)
    MONITORING.set_events(TOOL, 0)
    say({"types": {f: {v: sorted(k) for v, k in names.items()} for f, names in all_types.items()}})


# Versions of the program.


def load_mutants():
    mutants = []
    for number in range(PLAN["mutant_files"]):
        mutants.extend(json.loads(read(f"mutants{number}.json")))
    return mutants


def versions():
    """Runs versions, most promising first, until the time is up or enough has been found."""
    mutants = load_mutants()
    tests = PLAN["tests"]
    failing = [index for index, test in enumerate(tests) if test["fails"]]
    passing = [index for index, test in enumerate(tests) if not test["fails"]]
    compiled = {}

    def chunk(index):
        if index not in compiled:
            start, end = BOUNDS[index]
            compiled[index] = compile(SOURCE[start:end], PROGRAM, "exec", dont_inherit=True)
        return compiled[index]

    def passes(codes, index):
        test = tests[index]
        METER.start(test["limit"])
        wrong = attempt(codes, test["name"])
        # A program that catches everything also catches being stopped.
        return wrong if wrong is not None or METER.rounds <= METER.limit else (Spent(), None)

    METER.watch(0)
    began = _clock()
    end, wall_end = began + PLAN["cpu_seconds"], _wall() + PLAN["wall_seconds"]

    def spent_ms():
        return round(1000 * (_clock() - began))

    enough = len(mutants)
    tried = 0
    for number, (edits, where, first) in enumerate(mutants):
        if number >= enough or _clock() > end or _wall() > wall_end:
            break
        if number % NOTE_EVERY == 0:
            say({"at": number, "cpu_ms": spent_ms()})
        tried = number + 1
        start, stop = BOUNDS[where]
        text = SOURCE[start:stop]
        for from_byte, to_byte, replacement in reversed(edits):
            text = text[: from_byte - start] + replacement.encode() + text[to_byte - start :]
        try:
            changed = compile(text, PROGRAM, "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            continue
        codes = [changed if index == where else chunk(index) for index in range(len(BOUNDS))]
        wrong = passes(codes, first)
        if wrong is not None:
            before = tests[first]["test_line"]
            if before and not isinstance(wrong[0], Spent):
                after = describe(*wrong)[3]
                if after and after > before:
                    say({"later": number})
            continue
        fixed = [first] + [index for index in failing if index != first and passes(codes, index) is None]
        broken = next((index for index in passing if passes(codes, index) is not None), None)
        whole = broken is None and len(fixed) == len(failing)
        say({"mutant": number, "fixed": len(fixed), "breaks": broken is not None, "whole": whole})
        if whole and enough == len(mutants):
            enough = min(enough, number + PLAN["after_first"] + number // 2)
    MONITORING.set_events(TOOL, 0)
    say({"tried": tried, "cpu_ms": spent_ms()})


SINK = sys.stdout = sys.stderr = Sink()
if PLAN["mutant_files"]:
    versions()
else:
    baseline()
sys.stdout = _real_stdout
