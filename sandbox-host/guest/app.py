"""The guest's entry: what the host calls, see wit/sandbox/world.wit.

Everything is imported here, before the component's memory is snapshotted: a module that is not in the
snapshot does not exist for a student's program. The order matters: the clock, random bytes and files of the
host are put in place before any library keeps a reference to what they replace.
"""

import sys

sys.dont_write_bytecode = True

from _learnflow import clock  # noqa: E402  (replaces what the others keep)
from _learnflow import files  # noqa: E402

files.put_in_place()

from _learnflow import failure, immortal, library, program, signals, suite, warm  # noqa: E402

import wit_world  # noqa: E402
from componentize_py_types import Err  # noqa: E402


_hidden = False


def _hide():
    """Frees this module's name for a module of the program, and takes those of the host's interface away: who calls
    them with wrong types traps."""
    global _hidden
    if not _hidden:
        _hidden = True
        for name in _NAMES:
            sys.modules.pop(name, None)


class WitWorld(wit_world.WitWorld):
    """The exports of the world."""

    def forget(self):
        warm.forget()

    def run(self, program_):
        _hide()
        return program.run(program_)

    def explain(self):
        return failure.explain_last()

    def check_syntax(self, code, path):
        _hide()
        return program.check_syntax(code, path)

    def compare(self, program_, module, call, expected):
        _hide()
        return suite.compare(program_, module, call, expected)

    def list_tests(self, program_, module, tests):
        _hide()
        names, failed = suite.list_tests(program_, module, tests)
        if failed is not None:
            raise Err(failed)
        return names

    def run_test(self, program_, module, tests, name):
        _hide()
        return suite.run_test(program_, module, tests, name)


library.finish()
warm.at_build()
clock.connect()
signals.connect()

# Every name that is taken away in an instance touches, and so copies, a page or two. The start of the component needs
# the others, which are looked up here once: whoever looks at all modules touches a page for nearly each.
for _name in [name for name in sys.modules if name.partition(".")[0] == "_learnflow"]:
    del sys.modules[_name]
_NAMES = tuple(name for name in sys.modules if name == __name__ or files.is_hidden(name))
immortal.list_objects()
immortal.fill_holes()
