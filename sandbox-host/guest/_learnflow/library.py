"""The part of the standard library that a program can import.

Only modules that were imported when the snapshot was taken exist; what first and second courses use is listed
here, in full. Modules that need an operating system (multiprocessing, turtle, …) are not, and say so.
"""

import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import sys

from . import linux_errors

NAMES = """
__future__ _thread abc argparse array ast asyncio atexit base64 bdb binascii bisect builtins calendar cmath cmd code
codecs codeop collections collections.abc colorsys compileall concurrent concurrent.futures configparser contextlib
_strptime contextvars copy copyreg csv dataclasses datetime decimal difflib dis doctest email email.message email.policy
encodings.ascii encodings.idna encodings.latin_1 encodings.utf_8 encodings.utf_8_sig encodings.utf_16 encodings.utf_32
encodings.cp1252 encodings.hex_codec encodings.rot_13 encodings.raw_unicode_escape encodings.unicode_escape
enum errno fileinput filecmp fnmatch fractions functools gc genericpath getopt getpass gettext glob graphlib gzip hashlib heapq
hmac html html.entities html.parser imaplib importlib importlib.abc importlib.machinery importlib.metadata
importlib.resources importlib.util inspect io ipaddress itertools json json.tool keyword linecache locale logging
logging.config logging.handlers marshal math mimetypes modulefinder numbers opcode operator optparse os os.path pathlib
pickle pickletools pkgutil platform plistlib posixpath pprint profile pstats py_compile pyclbr pydoc queue quopri
random re reprlib rlcompleter runpy sched secrets select selectors shelve shlex shutil signal site socket socketserver sqlite3
stat statistics string string.templatelib stringprep struct symtable sys sysconfig tabnanny tarfile tempfile textwrap
threading time timeit token tokenize tomllib trace traceback tracemalloc types typing unicodedata unittest
unittest.case unittest.loader unittest.mock unittest.result unittest.runner unittest.suite unittest.util urllib
urllib.error urllib.parse urllib.request uuid warnings wave weakref wsgiref xml.dom.minidom xml.etree.ElementTree
xml.sax xml.parsers.expat zipapp zipfile zipimport zlib zoneinfo concurrent.futures.thread annotationlib
""".split()

# Explaining an exception imports lazily, so all of it is imported here.
EXPLAIN = ("friendly_traceback", "stack_data", "executing", "asttokens", "pure_eval")

# Modules that do something visible when they are imported: they are run when a program imports them.
LATER = ("this", "antigravity")

# What programs ask for and do not get, and why.
EXPLAINED = {
    "turtle": "the sandbox has no screen to draw on",
    "tkinter": "the sandbox has no screen to draw on",
    "curses": "the sandbox has no terminal",
    "readline": "the sandbox has no terminal",
    "multiprocessing": "programs in the sandbox are one process; threading and concurrent.futures.ThreadPoolExecutor work",
    "_multiprocessing": "programs in the sandbox are one process",
    "concurrent.futures.process": "programs in the sandbox are one process; use ThreadPoolExecutor",
    "ctypes": "the sandbox has no libraries of C",
    "_ctypes": "the sandbox has no libraries of C",
    "ssl": "the sandbox has no network",
    **dict.fromkeys(
        "numpy pandas matplotlib scipy requests flask django pygame pytest seaborn sklearn PIL bs4".split(),
        "the sandbox has Python's standard library, and no other packages",
    ),
}

missing = {}
_later = {}


class _Explained(importlib.abc.MetaPathFinder):
    """Says why a module that others have is not here."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname in EXPLAINED:
            text = f"No module named {fullname!r} ({EXPLAINED[fullname]})"
            raise ModuleNotFoundError(text, name=fullname)
        return None


class _Later(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports from code that was read when the snapshot was taken."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname in _later:
            return importlib.machinery.ModuleSpec(fullname, self)
        return None

    def exec_module(self, module):
        exec(_later[module.__spec__.name], module.__dict__)


def _load(name):
    try:
        importlib.import_module(name)
    except Exception as error:
        missing[name] = f"{type(error).__name__}: {error}"


def _load_package(name):
    """Imports a package with its submodules, except those that run as programs."""
    package = importlib.import_module(name)
    for directory in getattr(package, "__path__", ()):
        # The library is still read from the real file system, which only the import system sees.
        for entry in sorted(importlib._bootstrap_external._os.listdir(directory)):
            stem, dot, suffix = entry.rpartition(".")
            if dot and suffix == "py" and not stem.startswith("__"):
                _load(f"{name}.{stem}")
            elif not dot and not entry.startswith("__") and entry != "locales":
                _load_package(f"{name}.{entry}")


def _close_doors():
    """Replaces functions of C that would wait for an operating system without telling audit hooks."""
    import select
    import sqlite3

    def refuse(*arguments, **named):
        raise linux_errors.error(linux_errors.errno.EPERM)

    for name in ("select", "poll", "epoll", "kqueue"):
        if hasattr(select, name):
            setattr(select, name, refuse)

    import faulthandler

    # They end the interpreter, which is what they are for; a program gets an AttributeError instead.
    for name in ("_sigsegv", "_sigabrt", "_sigfpe", "_read_null", "_fatal_error_c_thread", "_stack_overflow"):
        if hasattr(faulthandler, name):
            delattr(faulthandler, name)

    connect = sqlite3.connect

    def connect_in_memory(*arguments, **named):
        connection = connect(*arguments, **named)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.execute("pragma temp_store = memory")
        return connection

    connect_in_memory.__name__ = connect_in_memory.__qualname__ = "connect"
    connect_in_memory.__doc__ = connect.__doc__
    sqlite3.connect = sqlite3.dbapi2.connect = connect_in_memory


def finish():
    """Imports everything and settles the interpreter for the snapshot."""
    for name in NAMES:
        _load(name)
    for name in LATER:
        _later[name] = importlib.util.find_spec(name).loader.get_code(name)
    # Explaining replaces functions of linecache when it is imported; programs get Python's own.
    own = dict(vars(linecache))
    for name in EXPLAIN:
        _load_package(name)
    vars(linecache).update(own)
    _close_doors()
    for name, reason in missing.items():
        print(f"not in the sandbox: {name} ({reason})", file=sys.stderr)

    from . import clock, files, loop, signals, threads, turns

    threads.install()
    clock.others = turns.sleep

    signals.install()

    loop.install()
    clock.patch_random()
    files.finish()
    sys.meta_path.insert(0, files.Finder())
    sys.meta_path += [_Later(), _Explained()]
    sys.path[:] = [""]
    sys.setrecursionlimit(1000)
    gc.collect()
