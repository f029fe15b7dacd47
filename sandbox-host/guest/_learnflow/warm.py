"""Warming up: once when the component is built, and once in each prepared instance.

At build it runs what programs run, so that caches and lazy imports are in the snapshot. In a prepared
instance the host runs a program of its own, which touches the memory that programs need, and has the instance
forget it; a program must not be able to tell.
"""

import sys

from wit_world import Program

from . import failure, files, memory_os, program, streams, threads

_AT_BUILD = (
    "print('x')\ndef f(a):\n    return [i for i in range(a)]\ntry:\n    f(3)[4] / 0\nexcept Exception as e:\n    pass\n",
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

# What nearly every program does. Run this often, an instruction has been specialised (PEP 659) and is written no more.
_PLAIN = ("print('x')\nx = [n for n in range(3)]\n", "print(input('? '))\n", "1 / 0\n")
_UNTIL_SPECIALISED = 32


def _quiet(channel, data):
    return False


# The streams by which the tool that builds the component hears of errors. The first program would have to close them.
_originals = None


def forget():
    """Makes a fresh start after a program."""
    program.fresh_main()
    sys.modules.pop("__main__", None)
    files.clear()
    streams.prepare()
    failure.set_sources({})
    failure._last = None
    threads.forget()


def _request(code):
    return Program(code, [], [], "a\nb\n", None, 1)


def at_build():
    """Fills caches and imports what is imported lazily."""
    global _originals
    _originals = sys.stdin, sys.stdout, sys.stderr
    emit, streams._emit = streams._emit, _quiet
    try:
        for code in _AT_BUILD + _PLAIN * _UNTIL_SPECIALISED:
            ended = program.run(_request(code))
            if ended.failure is not None:
                failure.explain_last()
            forget()
    finally:
        streams._emit = emit
        # Whatever fails from here on is shown by the tool that builds the component.
        sys.stdin, sys.stdout, sys.stderr = _originals
    memory_os.set_environment_aside()
    sys.argv = ["main.py"]
