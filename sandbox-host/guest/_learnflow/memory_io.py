"""`open` over the files in memory, with the buffers and text wrappers of C on top."""

import _io
import builtins
import io
import os

from . import memory_os, rebind
from .linux_errors import errno, error
from .memory_files import SYSTEM


class FileIO(io.RawIOBase):
    """An open file as bytes, without a buffer."""

    def __init__(self, file, mode="r", closefd=True, opener=None):
        super().__init__()
        self._fd = -1
        if sum(mode.count(kind) for kind in "rwax") != 1 or set(mode) - set("rwax+b"):
            raise ValueError("Must have exactly one of create/read/write/append mode and at most one plus")
        reading, self._appending = "r" in mode or "+" in mode, "a" in mode
        writing = "r" not in mode or "+" in mode
        flags = os.O_RDWR if reading and writing else os.O_WRONLY if writing else os.O_RDONLY
        flags |= {"x": os.O_EXCL | os.O_CREAT, "w": os.O_CREAT | os.O_TRUNC, "a": os.O_CREAT | os.O_APPEND}.get(
            mode.strip("+b")[0], 0
        )
        if isinstance(file, float):
            raise TypeError("integer argument expected, got float")
        if isinstance(file, int):
            if file < 0:
                raise ValueError("negative file descriptor")
            SYSTEM.descriptor(file)
            self._fd, self._closefd = file, closefd
        else:
            if not closefd:
                raise ValueError("Cannot use closefd=False with file name")
            self._closefd = True
            fd = memory_os.open_(file, flags, 0o666) if opener is None else opener(file, flags)
            if not isinstance(fd, int):
                raise TypeError("expected integer from opener")
            if fd < 0:
                raise ValueError(f"opener returned {fd}")
            self._fd = fd
            node = SYSTEM.descriptor(fd).node
            if node is not None and node.children is not None:
                self.close()
                raise error(errno.EISDIR, file)
        self.name = file
        self._reading, self._writing, self._mode = reading, writing, mode
        if self._appending:
            memory_os.lseek(self._fd, 0, 2)

    @property
    def closefd(self):
        return self._closefd

    @property
    def mode(self):
        kind = self._mode.strip("+b")[0]
        plus = "+" if self._reading and self._writing else ""
        return {"r": "rb", "w": "wb", "x": "xb", "a": "ab"}[kind] + plus if kind != "w" or not plus else "rb+"

    def __repr__(self):
        if self.closed:
            return "<_io.FileIO [closed]>"
        return f"<_io.FileIO name={self.name!r} mode={self.mode!r} closefd={self._closefd}>"

    def _open_fd(self):
        if self.closed:
            raise ValueError("I/O operation on closed file")
        return self._fd

    def readable(self):
        self._open_fd()
        return self._reading

    def writable(self):
        self._open_fd()
        return self._writing

    def seekable(self):
        description = SYSTEM.descriptor(self._open_fd())
        return description.stream is None

    def fileno(self):
        return self._open_fd()

    def isatty(self):
        self._open_fd()
        return False

    def readinto(self, buffer):
        if not self.readable():
            raise io.UnsupportedOperation("File not open for reading")
        return memory_os.readinto(self._fd, buffer)

    def readall(self):
        if not self.readable():
            raise io.UnsupportedOperation("File not open for reading")
        description = SYSTEM.descriptor(self._fd)
        if description.stream:
            return super().readall()
        data = bytes(description.node.data[description.position :])
        description.position += len(data)
        return data

    def read(self, size=-1):
        if size is None or size < 0:
            return self.readall()
        if not self.readable():
            raise io.UnsupportedOperation("File not open for reading")
        return memory_os.read(self._fd, size)

    def write(self, data):
        if not self.writable():
            raise io.UnsupportedOperation("File not open for writing")
        return memory_os.write(self._fd, data)

    def seek(self, position, whence=0):
        if isinstance(position, float):
            raise TypeError("an integer is required")
        return memory_os.lseek(self._open_fd(), position, whence)

    def tell(self):
        return memory_os.lseek(self._open_fd(), 0, 1)

    def truncate(self, size=None):
        if not self.writable():
            raise io.UnsupportedOperation("File not open for writing")
        size = self.tell() if size is None else size
        memory_os.ftruncate(self._fd, size)
        return size

    def close(self):
        if self.closed:
            return
        try:
            super().close()
        finally:
            if self._closefd and self._fd in SYSTEM.open:
                memory_os.close(self._fd)

    def __del__(self):
        # A descriptor that is collected without having been closed is freed, as elsewhere.
        try:
            if not self.closed:
                self.close()
        except Exception:
            pass


FileIO.__module__ = "_io"


def open_(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
    """open() over the files in memory."""
    if not isinstance(file, int):
        file = os.fspath(file)
    if not isinstance(mode, str):
        raise TypeError(f"open() argument 'mode' must be str, not {type(mode).__name__}")
    kinds = set(mode)
    if kinds - set("axrwb+t") or len(mode) > len(kinds):
        raise ValueError(f"invalid mode: {mode!r}")
    binary, text = "b" in kinds, "t" in kinds
    if binary and text:
        raise ValueError("can't have text and binary mode at once")
    if len(kinds & set("axrw")) > 1:
        raise ValueError("must have exactly one of create/read/write/append mode")
    if not kinds & set("axrw"):
        raise ValueError("Must have exactly one of create/read/write/append mode and at most one plus")
    if binary and encoding is not None:
        raise ValueError("binary mode doesn't take an encoding argument")
    if binary and errors is not None:
        raise ValueError("binary mode doesn't take an errors argument")
    if binary and newline is not None:
        raise ValueError("binary mode doesn't take a newline argument")
    raw = FileIO(file, "".join(kind for kind in mode if kind in "axrw+"), closefd, opener)
    result = raw
    try:
        line_buffering = buffering == 1 and not binary
        if buffering < 0 or line_buffering or buffering == 1:
            buffering = io.DEFAULT_BUFFER_SIZE
        if buffering == 0:
            if binary:
                return raw
            raise ValueError("can't have unbuffered text I/O")
        if "+" in kinds:
            buffer = io.BufferedRandom if raw.seekable() else io.BufferedReader
        elif kinds & set("wax"):
            buffer = io.BufferedWriter
        else:
            buffer = io.BufferedReader
        result = buffer(raw, buffering)
        if binary:
            return result
        wrapper = io.TextIOWrapper(result, encoding or "utf-8", errors, newline, line_buffering)
        wrapper.mode = mode
        return wrapper
    except BaseException:
        result.close()
        raise


def open_code(path):
    """What the import system opens files with."""
    if not isinstance(path, str):
        raise TypeError(f"open_code() argument 'path' must be str, not {type(path).__name__}")
    return open_(path, "rb")


def install():
    """Puts `open` and `FileIO` in place."""
    open_.__name__ = open_.__qualname__ = "open"
    open_.__module__ = "_io"
    replaced = [(_io.open, open_), (_io.FileIO, FileIO), (_io.open_code, open_code)]
    _io.open, _io.FileIO, _io.open_code = open_, FileIO, open_code
    builtins.open = open_
    rebind.everywhere(replaced)
