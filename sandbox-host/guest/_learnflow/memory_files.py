"""A file system in memory: nodes, paths, and open descriptions."""

import os
import stat

from . import clock
from .linux_errors import errno, error

HOME = "/home/student"
# Bytes of all files of a program together.
LIMIT_BYTES = 16 << 20
# Open files and directories of a program.
LIMIT_OPEN = 256
# Files and directories.
LIMIT_NODES = 4096
LIMIT_LINKS = 40
LIMIT_PATH_CHARS = 1024


class Node:
    """A file, a directory or a symbolic link."""

    __slots__ = ("kind", "data", "children", "target", "mode", "changed_ns", "number", "links")

    def __init__(self, kind, mode, number, now_ns):
        self.kind = kind
        self.mode = mode
        self.data = bytearray() if kind == stat.S_IFREG else None
        self.children = {} if kind == stat.S_IFDIR else None
        self.target = ""
        self.changed_ns = now_ns
        self.number = number
        self.links = 1


class Description:
    """An open file: what a file descriptor stands for."""

    __slots__ = ("node", "position", "readable", "writable", "append", "path", "stream")

    def __init__(self, node, path, readable, writable, append, stream=None):
        self.node = node
        self.path = path
        self.position = 0
        self.readable = readable
        self.writable = writable
        self.append = append
        # "stdin", "stdout" or "stderr" for the first three descriptors.
        self.stream = stream


class FileSystem:
    """All files of one program."""

    def __init__(self):
        self.reset()

    def reset(self):
        """Back to the directories that every program finds."""
        self._next_number = 2
        self.used_bytes = 0
        self.nodes = 0
        self.cwd = HOME
        self.open = {}
        self._now_ns = 0
        self.root = self._new(stat.S_IFDIR, 0o755)
        for path in ("/home", HOME, "/tmp"):
            parent, name = self._parent(path)
            self._add(parent, name, stat.S_IFDIR, 0o777 if path == "/tmp" else 0o755)
        self._home = self.find(HOME)

    def start(self, now_ns):
        """Sets the time of the directories that were made before the clock was there."""
        self._now_ns = now_ns

    def _new(self, kind, mode):
        if self.nodes >= LIMIT_NODES:
            raise error(errno.ENOSPC)
        self.nodes += 1
        self._next_number += 1
        return Node(kind, kind | (mode & 0o777), self._next_number, self._now_ns)

    def touch(self, node):
        """Notes a change."""
        node.changed_ns = clock.host.wall_clock()

    def absolute(self, path):
        """The path as text, from the root, not normalized."""
        path = os.fspath(path)
        if isinstance(path, bytes):
            path = path.decode("utf-8", "surrogateescape")
        if "\0" in path:
            raise ValueError("embedded null byte")
        absolute = path if path.startswith("/") else f"{self.cwd}/{path}"
        if len(absolute) > LIMIT_PATH_CHARS:
            raise error(errno.ENAMETOOLONG, path[:80])
        return absolute

    def _walk(self, path, follow, shown, links=0):
        """The node at a path, and its parent and name; the node is None when only it is missing."""
        stack = [self.root]
        names = []
        parts = [part for part in path.split("/") if part and part != "."]
        for index, part in enumerate(parts):
            here = stack[-1]
            if here.children is None:
                raise error(errno.ENOTDIR, shown)
            if part == "..":
                if len(stack) > 1:
                    stack.pop()
                    names.pop()
                continue
            if len(part) > 255:
                raise error(errno.ENAMETOOLONG, shown)
            node = here.children.get(part)
            last = index == len(parts) - 1
            if node is None:
                if last:
                    return None, here, part, names
                raise error(errno.ENOENT, shown)
            if node.kind == stat.S_IFLNK and (follow or not last):
                if links >= LIMIT_LINKS:
                    raise error(errno.ELOOP, shown)
                rest = "/".join(parts[index + 1 :])
                base = node.target if node.target.startswith("/") else "/" + "/".join([*names, node.target])
                return self._walk(f"{base}/{rest}", follow, shown, links + 1)
            stack.append(node)
            names.append(part)
        parent = stack[-2] if len(stack) > 1 else self.root
        return stack[-1], parent, names[-1] if names else "", names[:-1]

    def find(self, path, follow=True):
        """The node at a path.

        Raises FileNotFoundError and NotADirectoryError as the kernel does.
        """
        if isinstance(path, int):
            return self.descriptor(path).node
        absolute = self.absolute(path)
        if absolute.endswith("/") and path == "":
            raise error(errno.ENOENT, path)
        node = self._walk(absolute, follow, path)[0]
        if node is None or path == "":
            raise error(errno.ENOENT, path)
        if absolute.endswith("/") and node.kind != stat.S_IFDIR:
            raise error(errno.ENOTDIR, path)
        return node

    def _parent(self, path):
        _, parent, name, _ = self._walk(self.absolute(path), False, path)
        return parent, name

    def real_path(self, path):
        """The path from the root, without links."""
        node, _, name, names = self._walk(self.absolute(path), True, path)
        return "/" + "/".join([*names, name]) if name else "/"

    def create(self, path, kind, mode):
        """Makes a node; its directory must exist and the name must be free."""
        node, parent, name, _ = self._walk(self.absolute(path), kind != stat.S_IFDIR, path)
        if node is not None:
            raise error(errno.EEXIST, path)
        made = self._add(parent, name, kind, mode)
        self.touch(made)
        self.touch(parent)
        return made

    def remove(self, path, directory):
        """Removes a file (or link), or an empty directory."""
        node, parent, name, _ = self._walk(self.absolute(path), False, path)
        if node is None:
            raise error(errno.ENOENT, path)
        if directory:
            if node.children is None:
                raise error(errno.ENOTDIR, path)
            if node.children or node is self.root:
                raise error(errno.ENOTEMPTY, path)
        elif node.children is not None:
            raise error(errno.EISDIR, path)
        del parent.children[name]
        self.touch(parent)
        node.links -= 1
        self.nodes -= 1
        if node.data is not None and node.links == 0 and not self._is_open(node):
            self.used_bytes -= len(node.data)

    def _is_open(self, node):
        return any(description.node is node for description in self.open.values())

    def rename(self, source, target):
        """Moves a node; what was at the target is replaced."""
        node, parent, name, _ = self._walk(self.absolute(source), False, source)
        if node is None:
            raise error(errno.ENOENT, source, target)
        old, new_parent, new_name, new_names = self._walk(self.absolute(target), False, target)
        if old is node:
            return
        if node.children is not None and self._within(node, new_parent):
            raise error(errno.EINVAL, source, target)
        if old is not None:
            if old.children is not None and node.children is None:
                raise error(errno.EISDIR, source, target)
            self.remove(target, old.children is not None)
        del parent.children[name]
        new_parent.children[new_name] = node
        self.touch(new_parent)

    def _within(self, directory, node):
        if directory is node:
            return True
        children = directory.children.values()
        return any(child.children is not None and self._within(child, node) for child in children)

    def resize(self, node, size):
        """Makes a file's data `size` bytes long."""
        grown = size - len(node.data)
        if grown > 0:
            if self.used_bytes + grown > LIMIT_BYTES:
                raise error(errno.ENOSPC)
            node.data.extend(bytes(grown))
        elif grown < 0:
            del node.data[size:]
        self.used_bytes += grown

    def write(self, description, data):
        """Writes at the position of an open file."""
        node = description.node
        if description.append:
            description.position = len(node.data)
        end = description.position + len(data)
        if end > len(node.data):
            self.resize(node, end)
        node.data[description.position : end] = data
        description.position = end
        self.touch(node)
        return len(data)

    def add_descriptor(self, description):
        """The lowest free number for an open file."""
        if len(self.open) >= LIMIT_OPEN:
            raise error(errno.EMFILE, description.path)
        number = 3
        while number in self.open:
            number += 1
        self.open[number] = description
        return number

    def descriptor(self, number):
        """The open file of a number."""
        if not isinstance(number, int) or isinstance(number, bool) and number not in (0, 1):
            raise TypeError("an integer is required")
        description = self.open.get(number)
        if description is None:
            raise error(errno.EBADF)
        return description

    def close(self, number):
        """Frees a number."""
        description = self.descriptor(number)
        del self.open[number]
        node = description.node
        if node is not None and node.data is not None and node.links <= 0 and not self._is_open(node):
            self.used_bytes -= len(node.data)

    def put(self, path, data):
        """Stores a file of the request, at a path below the home directory that has no dots, with the directories it needs."""
        # Every run comes through here, so the host is not asked for the time of each.
        *directories, name = path.split("/")
        parent = self._home
        for directory in directories:
            child = (parent.children or {}).get(directory)
            parent = self._add(parent, directory, stat.S_IFDIR, 0o755) if child is None else child
        node = self._add(parent, name, stat.S_IFREG, 0o644)
        node.data[:] = data
        self.used_bytes += len(data)

    def _add(self, parent, name, kind, mode):
        """A new node in a directory, as old as the program."""
        if parent.children is None:
            raise error(errno.ENOTDIR, name)
        if name in parent.children:
            raise error(errno.EEXIST, name)
        made = parent.children[name] = self._new(kind, mode)
        parent.changed_ns = made.changed_ns
        return made


SYSTEM = FileSystem()
