"""Tests of a program: single calls, and methods of unittest files."""

import importlib
import io
import sys
import unittest

from wit_world import Comparison, Ended, Ending, Verdict

from . import failure, files, program
from .equality import same

TESTS = "test_program.py"
_repr, _type = repr, type


def _import_program(request, module):
    """Sets a program up so that it is imported under the name that tests know."""
    program.set_up(request)
    path = f"{module.replace('.', '/')}.py"
    sources = dict(files._sources)
    text = sources.pop(program.MAIN)
    sources[path] = text
    files.install(sources)
    failure.set_sources(sources)
    module_main = program.fresh_main()
    sys.modules["__main__"] = module_main


def _short(value):
    try:
        text = _repr(value)
    except Exception as error:
        text = f"<a {_type(value).__name__} whose repr() raises {_type(error).__name__}>"
    return failure._clean(text if len(text) <= 2000 else text[:1980] + f"… ({len(text)} characters)")


def compare(request, module, call, expected):
    """Evaluates a call in a program's namespace and compares it with an expression evaluated apart."""
    _import_program(request, module)
    wanted = eval(compile(expected, "<expected>", "eval", dont_inherit=True), {})
    result = []

    def evaluate():
        names = importlib.import_module(module).__dict__
        result.append(eval(compile(call, "<call>", "eval", dont_inherit=True), names))

    error = program.guarded(evaluate)
    if error is not None or not result:
        ended = program.finish(error)
        return Comparison(ended, False, "", _short(wanted), "", _type(wanted).__name__)
    got = result[0]
    try:
        passed = same(wanted, got)
    except Exception as raised:
        return Comparison(program.finish(raised), False, _short(got), _short(wanted), _type(got).__name__, _type(wanted).__name__)
    ended = Ended(Ending.OK, 0, None)
    return Comparison(ended, passed, _short(got), _short(wanted), _type(got).__name__, _type(wanted).__name__)


def _load_tests(request, module, tests):
    _import_program(request, module)
    sources = dict(files._sources)
    sources[TESTS] = tests
    files.install(sources)
    failure.set_sources(sources)
    return importlib.import_module(TESTS[:-3])


def _flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from _flatten(item)
        else:
            yield item


def _short_id(test):
    identity = test.id()
    prefix = TESTS[:-3] + "."
    return identity[len(prefix) :] if identity.startswith(prefix) else identity


def list_tests(request, module, tests):
    """Names of the test methods, or the Failure of a file that cannot be loaded."""
    names = []

    def load():
        loaded = _load_tests(request, module, tests)
        suite = unittest.TestLoader().loadTestsFromModule(loaded)
        names.extend(_short_id(test) for test in _flatten(suite))

    error = program.guarded(load)
    if error is None:
        return names, None
    if isinstance(error, SystemExit):
        error = RuntimeError("the program called sys.exit() while it was imported")
    return [], failure.describe(error)


class _Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.error = None
        self.assertion = False
        self.skip_reason = None

    def addError(self, test, err):
        super().addError(test, err)
        self.error = self.error or err[1]

    def addFailure(self, test, err):
        super().addFailure(test, err)
        if self.error is None:
            self.error, self.assertion = err[1], True

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None and self.error is None:
            self.error, self.assertion = err[1], issubclass(err[0], test.failureException)

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.error, self.assertion = AssertionError("the test was expected to fail, but passed"), True

    # Formatting every traceback is work that nobody reads here.
    def _exc_info_to_string(self, err, test):
        return ""


def run_test(request, module, tests, name):
    """Runs one test method."""
    result = _Result()
    ran = []

    def run():
        loaded = _load_tests(request, module, tests)
        suite = unittest.TestLoader().loadTestsFromModule(loaded)
        chosen = [test for test in _flatten(suite) if _short_id(test) == name]
        ran.extend(chosen)
        unittest.TestSuite(chosen)(result)

    error = program.guarded(run)
    if error is not None:
        ended = program.finish(error)
        return Verdict(name, False, "", ended)
    if not ran:
        return Verdict(name, False, f"there is no test named {name}", Ended(Ending.OK, 0, None))
    if result.error is not None:
        described = failure.describe(result.error)
        message = described.message if result.assertion else ""
        ended = Ended(Ending.RAISED, 1, described)
        return Verdict(name, False, message, ended)
    return Verdict(name, result.wasSuccessful(), "", Ended(Ending.OK, 0, None))
