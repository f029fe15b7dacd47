"""Error numbers as Linux has them.

WASI numbers its errors differently (ENOENT is 44), and students meet the numbers in messages and tutorials.
"""

import errno
import os

_NUMBERS = {
    "EPERM": (1, "Operation not permitted", PermissionError),
    "ENOENT": (2, "No such file or directory", FileNotFoundError),
    "EINTR": (4, "Interrupted system call", InterruptedError),
    "EIO": (5, "Input/output error", OSError),
    "EBADF": (9, "Bad file descriptor", OSError),
    "ECHILD": (10, "No child processes", ChildProcessError),
    "EAGAIN": (11, "Resource temporarily unavailable", BlockingIOError),
    "ENOMEM": (12, "Cannot allocate memory", OSError),
    "EACCES": (13, "Permission denied", PermissionError),
    "EEXIST": (17, "File exists", FileExistsError),
    "EXDEV": (18, "Invalid cross-device link", OSError),
    "ENOTDIR": (20, "Not a directory", NotADirectoryError),
    "EISDIR": (21, "Is a directory", IsADirectoryError),
    "EINVAL": (22, "Invalid argument", OSError),
    "EMFILE": (24, "Too many open files", OSError),
    "EFBIG": (27, "File too large", OSError),
    "ENOSPC": (28, "No space left on device", OSError),
    "ESPIPE": (29, "Illegal seek", OSError),
    "EROFS": (30, "Read-only file system", OSError),
    "EPIPE": (32, "Broken pipe", BrokenPipeError),
    "EDOM": (33, "Numerical argument out of domain", OSError),
    "ERANGE": (34, "Numerical result out of range", OSError),
    "ENAMETOOLONG": (36, "File name too long", OSError),
    "ENOSYS": (38, "Function not implemented", OSError),
    "ENOTEMPTY": (39, "Directory not empty", OSError),
    "ELOOP": (40, "Too many levels of symbolic links", OSError),
    "ECONNREFUSED": (111, "Connection refused", ConnectionRefusedError),
    "ECONNRESET": (104, "Connection reset by peer", ConnectionResetError),
    "ETIMEDOUT": (110, "Connection timed out", TimeoutError),
}
_BY_NUMBER = {number: (text, kind) for number, text, kind in _NUMBERS.values()}
_real_strerror = os.strerror


def error(number, path=None, path2=None):
    """The OSError that Linux would give."""
    text, kind = _BY_NUMBER[number]
    # Of the class itself: OSError(number, …) would choose it by WASI's numbers.
    if path is None:
        return kind(number, text)
    return kind(number, text, path) if path2 is None else kind(number, text, path, None, path2)


def strerror(number, /):
    text, _ = _BY_NUMBER.get(number, (None, None))
    return f"Unknown error {number}" if text is None else text


def install():
    """Gives `errno` and `os.strerror` the numbers of Linux. Must come before libraries copy them."""
    for name in [name for name in vars(errno) if name.startswith("E")]:
        if name not in _NUMBERS:
            # Not to be confused with a number above; nothing here gives these.
            setattr(errno, name, 1000 + getattr(errno, name))
    errno.errorcode.clear()
    for name, (number, _, _) in _NUMBERS.items():
        setattr(errno, name, number)
        errno.errorcode[number] = name
    errno.EWOULDBLOCK = errno.EAGAIN
    errno.ENOTSUP = errno.EOPNOTSUPP = 95
    errno.errorcode[95] = "ENOTSUP"


install()
