"""Running a program as `__main__`."""

import atexit
import builtins
import random
import sys
import types

from wit_world import Ended, Ending

from . import failure, files, recorder, signals, streams, threads

MAIN = "main.py"
# Bound before any program can replace them.
_compile, _exec, _isinstance = compile, exec, isinstance

_settrace, _setprofile = sys.settrace, sys.setprofile
_get_tool, _set_events = sys.monitoring.get_tool, sys.monitoring.set_events
_TOOLS = (0, 1, 2, 3, 4, 5)

_main = types.ModuleType("__main__")


def fresh_main(path=MAIN, name="__main__"):
    """The namespace of a program, as `python main.py` makes it."""
    module = _main if name == "__main__" else types.ModuleType(name)
    names = module.__dict__
    names.clear()
    names.update(
        __name__=name,
        __doc__=None,
        __package__=None if name == "__main__" else "",
        __loader__=files.LOADER,
        __spec__=None,
        __builtins__=builtins,
        __file__=path,
        __cached__=None,
    )
    return module


def set_up(program):
    """Streams, files, arguments and seed of a program."""
    signals.lend()
    streams.install(program.stdin)
    sources = {source.path: source.text for source in program.files}
    sources[MAIN] = program.code
    files.install(sources)
    failure.set_sources(sources)
    sys.argv = [MAIN, *program.argv]
    random.seed(program.seed)


def tear_down():
    """What the interpreter does when a program has ended."""
    try:
        threads.finish()
    finally:
        _run_exit_functions()


def _run_exit_functions():
    try:
        atexit._run_exitfuncs()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (AttributeError, ValueError):
                pass


def finish(error):
    """How a program ended with `error` (None when it ran to its end)."""
    if error is None:
        return Ended(Ending.OK, 0, None)
    if _isinstance(error, SystemExit):
        return Ended(Ending.EXITED, _exit_code(error), None)
    described = failure.describe_safely(error)
    failure.show(described)
    if _isinstance(error, KeyboardInterrupt):
        return Ended(Ending.INTERRUPTED, 130, described)
    return Ended(Ending.RAISED, 1, described)


def _exit_code(error):
    code = error.code
    if code is None:
        return 0
    if _isinstance(code, int):
        # What a process hands to its parent.
        return int(code) & 0xFF
    try:
        sys.stderr.write(f"{code}\n")
    except Exception:
        pass
    return 1


def guarded(action):
    """Runs `action`, then what the interpreter does at exit. Returns the exception that ended it, or None."""
    error = None
    try:
        action()
    except BaseException as raised:
        error = raised
    # What watched the program must not watch what follows. No function of Python is called before this is done.
    _settrace(None)
    _setprofile(None)
    for tool in _TOOLS:
        if _get_tool(tool) is not None:
            _set_events(tool, 0)
    try:
        tear_down()
    except BaseException as raised:
        error = error or raised
    return error


def run(program):
    """Runs a program and says how it ended."""
    set_up(program)
    try:
        code = _compile(program.code, MAIN, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        return _unreadable(error)
    module = fresh_main()
    sys.modules["__main__"] = module
    if program.recording is None:
        return finish(guarded(lambda: _exec(code, module.__dict__)))
    with recorder.Recorder(program.recording.steps) as steps:
        error = guarded(lambda: steps.run(code, module.__dict__))
    return finish(error)


def _unreadable(error):
    described = failure.describe_safely(error)
    failure.show(described)
    ending = Ending.SYNTAX_ERROR if _isinstance(error, (SyntaxError, ValueError)) else Ending.RAISED
    return Ended(ending, 1, described)


def check_syntax(code, path):
    """The Failure of a program that is not Python, or None."""
    failure.set_sources({path: code})
    try:
        _compile(code, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        return failure.describe(error)
    return None
