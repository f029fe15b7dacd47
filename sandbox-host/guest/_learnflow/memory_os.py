"""`os` over the files in memory.

The functions take the place of those in `posix` and `os`, and must do so before any library copies them.
What an isolated program cannot have (processes, users, devices) raises PermissionError.
"""

import os
import posix
import stat
import sys

from . import clock, rebind
from .linux_errors import errno, error, strerror
from .memory_files import HOME, SYSTEM, Description

from wit_world.imports import host

_UNAME = os.uname_result(("Sandbox", "sandbox", "1", "1", "wasm32"))
PROCESS_ID = 2

# While the component is built, libraries ask where they lie in the real file system.
_real_stat = posix.stat
building = True


def _stat_result(node):
    size = len(node.data) if node.data is not None else len(node.target) if node.target else 4096
    seconds = node.changed_ns // clock.SECOND_NS
    fields = (node.mode, node.number, 1, max(node.links, 1), 1000, 1000, size, seconds, seconds, seconds)
    exact = node.changed_ns / clock.SECOND_NS
    named = {f"st_{kind}time": exact for kind in "amc"} | {f"st_{kind}time_ns": node.changed_ns for kind in "amc"}
    named.update(st_blksize=4096, st_blocks=(size + 511) // 512, st_rdev=0)
    return os.stat_result(fields, named)


def _stream_stat():
    return os.stat_result((stat.S_IFIFO | 0o600, 1, 1, 1, 1000, 1000, 0, 0, 0, 0))


def stat_(path, *, dir_fd=None, follow_symlinks=True):
    if isinstance(path, int) and SYSTEM.descriptor(path).stream:
        return _stream_stat()
    if building:
        return _real_stat(path)
    return _stat_result(SYSTEM.find(path, follow_symlinks))


def lstat(path, *, dir_fd=None):
    return _stat_result(SYSTEM.find(path, False))


def fstat(fd):
    return stat_(fd)


def access(path, mode, *, dir_fd=None, effective_ids=False, follow_symlinks=True):
    try:
        node = SYSTEM.find(path, follow_symlinks)
    except OSError:
        return False
    wanted = mode & 7
    return (node.mode >> 6) & wanted == wanted


def getcwd():
    return SYSTEM.cwd


def getcwdb():
    return SYSTEM.cwd.encode()


def chdir(path):
    if SYSTEM.find(path).children is None:
        raise error(errno.ENOTDIR, path)
    SYSTEM.cwd = SYSTEM.real_path(path)


def listdir(path="."):
    path = "." if path is None else path
    node = SYSTEM.find(path)
    if node.children is None:
        raise error(errno.ENOTDIR, path)
    names = list(node.children)
    return [os.fsencode(name) for name in names] if isinstance(path, bytes) else names


class DirEntry:
    """An entry of a directory."""

    def __init__(self, directory, name, node):
        self.name = name
        self.path = os.path.join(directory, name)
        self._node = node

    def __fspath__(self):
        return self.path

    def __repr__(self):
        return f"<DirEntry {self.name!r}>"

    def inode(self):
        return self._node.number

    def _followed(self, follow):
        return SYSTEM.find(self.path) if follow and self.is_symlink() else self._node

    def _is(self, kind, follow):
        try:
            return self._followed(follow).kind == kind
        except OSError:
            return False

    def is_dir(self, *, follow_symlinks=True):
        return self._is(stat.S_IFDIR, follow_symlinks)

    def is_file(self, *, follow_symlinks=True):
        return self._is(stat.S_IFREG, follow_symlinks)

    def is_symlink(self):
        return self._node.kind == stat.S_IFLNK

    def is_junction(self):
        return False

    def stat(self, *, follow_symlinks=True):
        return _stat_result(self._followed(follow_symlinks))


class _Scan:
    def __init__(self, entries):
        self._entries = iter(entries)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._entries)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        self._entries = iter(())


def scandir(path="."):
    path = "." if path is None else path
    node = SYSTEM.find(path)
    if node.children is None:
        raise error(errno.ENOTDIR, path)
    directory = os.fspath(path)
    encode = os.fsencode if isinstance(directory, bytes) else str
    return _Scan([DirEntry(directory, encode(name), child) for name, child in node.children.items()])


def mkdir(path, mode=0o777, *, dir_fd=None):
    SYSTEM.create(path, stat.S_IFDIR, mode & ~0o022)


def rmdir(path, *, dir_fd=None):
    SYSTEM.remove(path, True)


def unlink(path, *, dir_fd=None):
    SYSTEM.remove(path, False)


def rename(src, dst, *, src_dir_fd=None, dst_dir_fd=None):
    SYSTEM.rename(src, dst)


def symlink(src, dst, target_is_directory=False, *, dir_fd=None):
    node = SYSTEM.create(dst, stat.S_IFLNK, 0o777)
    node.target = os.fsdecode(src)


def readlink(path, *, dir_fd=None):
    node = SYSTEM.find(path, False)
    if node.kind != stat.S_IFLNK:
        raise error(errno.EINVAL, path)
    return os.fsencode(node.target) if isinstance(path, bytes) else node.target


def link(src, dst, *, src_dir_fd=None, dst_dir_fd=None, follow_symlinks=True):
    raise error(errno.EPERM, src, dst)


def chmod(path, mode, *, dir_fd=None, follow_symlinks=True):
    node = SYSTEM.find(path, follow_symlinks)
    node.mode = node.kind | (mode & 0o7777)


def utime(path, times=None, *, ns=None, dir_fd=None, follow_symlinks=True):
    node = SYSTEM.find(path, follow_symlinks)
    if ns is not None:
        node.changed_ns = ns[1]
    elif times is not None:
        node.changed_ns = int(times[1] * clock.SECOND_NS)
    else:
        SYSTEM.touch(node)


def truncate(path, length):
    if length < 0:
        raise error(errno.EINVAL, path if not isinstance(path, int) else None)
    node = SYSTEM.find(path)
    if node.data is None:
        raise error(errno.EISDIR, path)
    SYSTEM.resize(node, length)
    SYSTEM.touch(node)


def open_(path, flags, mode=0o777, *, dir_fd=None):
    access_mode = flags & (os.O_RDONLY | os.O_WRONLY | os.O_RDWR)
    writable = access_mode in (os.O_WRONLY, os.O_RDWR)
    readable = access_mode != os.O_WRONLY
    try:
        node = SYSTEM.find(path)
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
        node = SYSTEM.create(path, stat.S_IFREG, mode & ~0o022)
    else:
        if flags & os.O_CREAT and flags & os.O_EXCL:
            raise error(errno.EEXIST, path)
    if node.children is not None and writable:
        raise error(errno.EISDIR, path)
    wanted = (4 if readable else 0) | (2 if writable else 0)
    if (node.mode >> 6) & wanted != wanted:
        raise error(errno.EACCES, path)
    if flags & os.O_TRUNC and writable:
        SYSTEM.resize(node, 0)
        SYSTEM.touch(node)
    return SYSTEM.add_descriptor(Description(node, path, readable, writable, bool(flags & os.O_APPEND)))


def close(fd):
    SYSTEM.close(fd)


def closerange(fd_low, fd_high, /):
    for number in [number for number in SYSTEM.open if fd_low <= number < fd_high]:
        SYSTEM.close(number)


def read(fd, length, /):
    if length < 0:
        raise error(errno.EINVAL)
    description = SYSTEM.descriptor(fd)
    if description.stream == "stdin":
        return sys.stdin.buffer.read1(length)
    if not description.readable or description.stream:
        raise error(errno.EBADF)
    if description.node.data is None:
        raise error(errno.EISDIR)
    start = description.position
    data = bytes(description.node.data[start : start + length])
    description.position += len(data)
    return data


def readinto(fd, buffer, /):
    view = memoryview(buffer).cast("B")
    data = read(fd, len(view))
    view[: len(data)] = data
    return len(data)


def write(fd, data, /):
    description = SYSTEM.descriptor(fd)
    data = bytes(data)
    if description.stream in ("stdout", "stderr"):
        stream = sys.stdout if description.stream == "stdout" else sys.stderr
        stream.flush()
        return stream.buffer.write(data)
    if not description.writable:
        raise error(errno.EBADF)
    return SYSTEM.write(description, data)


def pread(fd, length, offset, /):
    description = SYSTEM.descriptor(fd)
    if not description.readable or description.node is None:
        raise error(errno.EBADF)
    return bytes(description.node.data[offset : offset + length])


def pwrite(fd, data, offset, /):
    description = SYSTEM.descriptor(fd)
    if not description.writable or description.node is None:
        raise error(errno.EBADF)
    position, description.position = description.position, offset
    try:
        return SYSTEM.write(description, data)
    finally:
        description.position = position


def lseek(fd, position, whence, /):
    description = SYSTEM.descriptor(fd)
    if description.stream or description.node.data is None:
        raise error(errno.ESPIPE)
    base = {0: 0, 1: description.position, 2: len(description.node.data)}.get(whence)
    if base is None or base + position < 0:
        raise error(errno.EINVAL)
    description.position = base + position
    return description.position


def ftruncate(fd, length, /):
    description = SYSTEM.descriptor(fd)
    if not description.writable or description.node is None:
        raise error(errno.EINVAL)
    truncate(fd, length)


def fsync(fd):
    SYSTEM.descriptor(fd)


def dup(fd, /):
    return SYSTEM.add_descriptor(SYSTEM.descriptor(fd))


def isatty(fd, /):
    return False


def get_inheritable(fd, /):
    SYSTEM.descriptor(fd)
    return False


def set_inheritable(fd, inheritable, /):
    SYSTEM.descriptor(fd)


def get_blocking(fd, /):
    SYSTEM.descriptor(fd)
    return True


def set_blocking(fd, blocking, /):
    SYSTEM.descriptor(fd)


def device_encoding(fd):
    return None


def getpid():
    return PROCESS_ID


def cpu_count():
    return 1


def uname():
    return _UNAME


def times():
    seconds = clock.host.processor_clock() / clock.SECOND_NS
    return os.times_result((seconds, 0.0, 0.0, 0.0, clock.host.monotonic_clock() / clock.SECOND_NS))


def sched_yield():
    return None


def system(command):
    """As a shell that finds no command: programs that only clear the screen go on."""
    return 127 << 8


def umask(mask, /):
    return 0o022


def exit_(status):
    host.leave(status & 0xFF)


def abort():
    host.leave(134)


def putenv(name, value, /):
    return None


def unsetenv(name, /):
    return None


def _refused(name):
    def refuse(*arguments, **named):
        raise error(errno.EPERM)

    refuse.__name__ = refuse.__qualname__ = name
    return refuse


_REPLACED = {
    "stat": stat_, "lstat": lstat, "fstat": fstat, "access": access, "getcwd": getcwd, "getcwdb": getcwdb,
    "chdir": chdir, "listdir": listdir, "scandir": scandir, "mkdir": mkdir, "rmdir": rmdir, "unlink": unlink,
    "remove": unlink, "rename": rename, "replace": rename, "symlink": symlink, "readlink": readlink, "link": link,
    "chmod": chmod, "utime": utime, "truncate": truncate, "open": open_, "close": close, "closerange": closerange,
    "read": read, "readinto": readinto, "write": write, "pread": pread, "pwrite": pwrite, "lseek": lseek,
    "ftruncate": ftruncate, "fsync": fsync, "fdatasync": fsync, "dup": dup, "isatty": isatty,
    "get_inheritable": get_inheritable, "set_inheritable": set_inheritable, "get_blocking": get_blocking,
    "set_blocking": set_blocking, "device_encoding": device_encoding, "getpid": getpid, "cpu_count": cpu_count,
    "uname": uname, "times": times, "sched_yield": sched_yield, "_exit": exit_, "abort": abort, "putenv": putenv, "unsetenv": unsetenv, "strerror": strerror,
    "DirEntry": DirEntry,
}  # fmt: skip

# Functions of C that touch nothing outside.
_PURE = {
    "_have_functions", "_path_normpath", "_path_splitroot_ex", "confstr_names", "environ", "error", "fspath",
    "pathconf_names", "stat_result", "statvfs_result", "sysconf_names", "terminal_size", "times_result",
    "uname_result", "urandom", "getrandom",
}  # fmt: skip


def install():
    """Puts the functions in place, in `posix` and in `os`."""
    for name, function in _REPLACED.items():
        function.__name__ = function.__qualname__ = name
        function.__module__ = "posix"
    pairs = []
    for name in [name for name in vars(posix) if not name.startswith("__")]:
        kept = name[0].isupper() or name in _PURE
        replacement = _REPLACED.get(name) or (getattr(posix, name) if kept else _refused(name))
        original = getattr(posix, name)
        if replacement is not original:
            pairs.append((original, replacement))
    rebind.everywhere(pairs)
    for name, function in _REPLACED.items():
        setattr(posix, name, function)
        setattr(os, name, function)
    os.system, os.popen = system, _refused("popen")
    os.umask = umask
    os.supports_dir_fd.clear()
    os.supports_fd.clear()
    os.supports_fd.update((stat_, listdir, truncate))
    os.supports_follow_symlinks.clear()
    os.supports_follow_symlinks.update((stat_, access))
    os.cpu_count = os.process_cpu_count = cpu_count


def environment():
    """The environment that every program starts with."""
    given = {"HOME": HOME, "USER": "student", "LANG": "C.UTF-8", "PATH": "/usr/bin", "TZ": "UTC"}
    posix.environ.clear()
    posix.environ.update((name.encode(), value.encode()) for name, value in given.items())
    data = dict(posix.environ)
    os.environ = os._Environ(data, _encoded, os.fsdecode, _encoded, os.fsdecode)
    os.environb = os._Environ(data, _bytes, bytes, _bytes, bytes)


# What the first program of an instance gets, once it has been set aside.
_first_environment = None


def set_environment_aside():
    """Keeps this environment for the first program: the start of an instance clears the one that it finds."""
    global _first_environment
    _first_environment = os.environ, os.environb
    environment()


def restore_environment():
    """Gives a program what was set aside, if it is the instance's first."""
    global _first_environment
    if _first_environment is not None:
        os.environ, os.environb = _first_environment
        _first_environment = None


def _bytes(value):
    if not isinstance(value, bytes):
        raise TypeError(f"bytes expected, not {type(value).__name__}")
    return value


def _encoded(value):
    if not isinstance(value, str):
        raise TypeError(f"str expected, not {type(value).__name__}")
    return os.fsencode(value)
