"""The program's files: set up from the request, and imported as modules."""

import _io
import importlib.abc
import importlib.machinery
import posix
import stat
import sys
import types

from . import audit, clock, memory_io, memory_os
from .memory_files import HOME, SYSTEM, Description

_sources = {}
# Whether the files are those that every program finds, and nobody has had them yet.
_untouched = False


class Loader(importlib.abc.InspectLoader):
    """Loads modules that lie beside the program."""

    def get_source(self, fullname):
        path = "main.py" if fullname == "__main__" else _find(fullname)[0]
        if path is None:
            raise ImportError(f"no module named {fullname!r}", name=fullname)
        return _read(path)

    def get_code(self, fullname):
        path, _ = _find(fullname)
        return None if path is None else compile(_read(path), path, "exec", dont_inherit=True)

    def get_filename(self, fullname):
        return _find(fullname)[0]

    def is_package(self, fullname):
        return _find(fullname)[1]

    def exec_module(self, module):
        exec(self.get_code(module.__spec__.name), module.__dict__)


LOADER = Loader()


_HIDDEN = {"_learnflow", "wit_world", "componentize_py_runtime", "componentize_py_types", "componentize_py_async_support"}


def is_hidden(fullname):
    """Whether a module is the guest's own or the host's interface, which programs do not see."""
    return fullname.partition(".")[0] in _HIDDEN


class Finder(importlib.abc.MetaPathFinder):
    """Finds modules beside the program before those of the library, as `python main.py` does.

    Their file names stay relative, so that tracebacks read as the student wrote them.
    """

    def find_spec(self, fullname, path=None, target=None):
        found, package = _find(fullname)
        if found is None:
            if is_hidden(fullname):
                # One of them is built in, and would be found again.
                raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
            return None
        spec = importlib.machinery.ModuleSpec(fullname, LOADER, origin=found, is_package=package)
        spec.has_location = True
        if package:
            spec.submodule_search_locations = [found.rpartition("/")[0]]
        return spec


def _read(path):
    return bytes(SYSTEM.find(f"{HOME}/{path}").data)


def _is(path, kind):
    try:
        return SYSTEM.find(f"{HOME}/{path}").kind == kind
    except OSError:
        return False


def _find(fullname):
    if "/" in fullname or "\0" in fullname:
        return None, False
    base = fullname.replace(".", "/")
    if _is(f"{base}/__init__.py", stat.S_IFREG):
        return f"{base}/__init__.py", True
    if _is(f"{base}.py", stat.S_IFREG):
        return f"{base}.py", False
    return None, False


def is_own(filename):
    """Whether a frame's file is one of the program's, also one that it has written itself."""
    if filename in _sources:
        return True
    if filename.startswith("<") or not filename.endswith(".py"):
        return False
    path = filename.removeprefix(HOME + "/")
    return not path.startswith("/") and _is(path, stat.S_IFREG)


def clear():
    """Back to the files and the environment that every program finds, ahead of the next one's `install`."""
    global _untouched
    _sources.clear()
    SYSTEM.reset()
    memory_os.environment()
    for number, stream in enumerate(("stdin", "stdout", "stderr")):
        SYSTEM.open[number] = Description(None, f"<{stream}>", number == 0, number != 0, False, stream)
    _untouched = True


def install(sources):
    """Makes `sources` (path to text) the program's files, and nothing else."""
    global _untouched
    if not _untouched:
        clear()
    _untouched = False
    memory_os.restore_environment()
    _sources.clear()
    _sources.update(sources)
    SYSTEM.start(clock.host.wall_clock())
    for path, text in sources.items():
        SYSTEM.put(path, text.encode("utf-8", "surrogatepass"))


def put_in_place():
    """Replaces what reaches for the real file system. Must come before libraries keep references to it."""
    # While the component is built, the library is still imported from the real one.
    importing = importlib._bootstrap_external
    importing._os, importing._io = _copy(posix), _copy(_io)
    # C's own open_code looks `_io.open` up each time.
    real_open = _io.open
    importing._io.open_code = lambda path: real_open(path, "rb")
    memory_os.install()
    memory_io.install()


def finish():
    """From now on imports see the files in memory too."""
    importing = importlib._bootstrap_external
    importing._os, importing._io = posix, _io
    memory_os.building = False
    del memory_os._real_stat
    audit.install()
    sys.path_importer_cache.clear()


def _copy(module):
    copy = types.ModuleType(module.__name__)
    copy.__dict__.update(module.__dict__)
    return copy
