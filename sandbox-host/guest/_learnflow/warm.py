"""Warming up: once when the component is built, and once in each prepared instance.

At build it runs what programs run, so that caches and lazy imports are in the snapshot. In a prepared
instance it only touches the memory that a program will need; a program must not be able to tell.
"""

import gc
import io
import sys

from wit_world import Program, Recording

from . import failure, files, program, streams, threads

_WARM = """\
print('x')
def f(a):
    return [i for i in range(a)]
try:
    f(3)[4] / 0
except Exception as e:
    pass
"""

_AT_BUILD = (
    _WARM,
    "import math\nclass A:\n    def __init__(self): self.x = 1\nprint(f'{math.pi:.2f}', {1: 2}, A().x)\n",
    "def f(n):\n    return n / 0\nf(1)\n",
    "x = (\n",
    "print(undefined)\n",
    "'a' + 1\n",
    "[][1]\n",
    "{}['a']\n",
    "int('x')\n",
    "None.foo\n",
    "import nothing_of_that_name\n",
    "for i in range(3)\n    pass\n",
    "if True:\npass\n",
    "def f(): return f()\nf()\n",
    "print(input('? '))\n",
    "with open('a.txt', 'w') as f:\n    f.write('a')\nprint(open('a.txt').read())\n",
    "import threading\nt = threading.Thread(target=print)\nt.start()\nt.join()\n",
    "import asyncio\nasync def f(): await asyncio.sleep(0)\nasyncio.run(f())\n",
)


def _quiet(channel, data):
    return False


def _forget():
    program.fresh_main()
    sys.modules.pop("__main__", None)
    files.clear()
    streams.prepare()
    failure.set_sources({})
    failure._last = None
    threads.forget()


def _request(code):
    return Program(code, [], [], "a\nb\n", None, 1)


def warm():
    """Touches what a program will touch."""
    emit, streams._emit = streams._emit, _quiet
    try:
        program.run(_request(_WARM))
    finally:
        streams._emit = emit
    _forget()


def at_build():
    """Fills caches and imports what is imported lazily."""
    originals = sys.stdin, sys.stdout, sys.stderr
    emit, streams._emit = streams._emit, _quiet
    try:
        for code in _AT_BUILD:
            ended = program.run(_request(code))
            if ended.failure is not None:
                failure.explain_last()
            _forget()
    finally:
        streams._emit = emit
        # Whatever fails from here on is shown by the tool that builds the component.
        sys.stdin, sys.stdout, sys.stderr = originals
    # An instance starts with the host's environment, which is none.
    files.spoil()
    sys.argv = ["main.py"]
    gc.collect()
    gc.freeze()
