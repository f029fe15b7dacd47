"""The program's files, in memory: modules to import and data to open."""

import importlib.abc
import importlib.machinery
import io
import sys

_files = {}


class Loader(importlib.abc.InspectLoader):
    """Loads modules from the program's files."""

    def get_source(self, fullname):
        path = "main.py" if fullname == "__main__" else _find(fullname)[0]
        if path is None:
            raise ImportError(f"no module named {fullname!r}", name=fullname)
        return _files[path]

    def get_code(self, fullname):
        path, _ = _find(fullname)
        if path is None:
            return None
        return compile(_files[path], path, "exec", dont_inherit=True)

    def is_package(self, fullname):
        return _find(fullname)[1]

    def exec_module(self, module):
        exec(self.get_code(module.__spec__.name), module.__dict__)


LOADER = Loader()


class Finder(importlib.abc.MetaPathFinder):
    """Finds a program's modules before the library's, as the directory of the script comes first."""

    def find_spec(self, fullname, path=None, target=None):
        if not _files:
            return None
        found, package = _find(fullname)
        if found is None:
            return None
        spec = importlib.machinery.ModuleSpec(fullname, LOADER, origin=found, is_package=package)
        spec.has_location = True
        if package:
            spec.submodule_search_locations = [found.rpartition("/")[0]]
        return spec


def _find(fullname):
    base = fullname.replace(".", "/")
    for path, package in ((f"{base}/__init__.py", True), (f"{base}.py", False)):
        if path in _files:
            return path, package
    return None, False


def install(sources):
    """Makes `sources` (path to text) the program's files."""
    _files.clear()
    _files.update(sources)
