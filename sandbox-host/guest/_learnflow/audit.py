"""The last door: what C code would ask of an operating system that is not there.

Every C function that opens something announces it to audit hooks first. Without this hook such a call would
reach a stub that stops the whole interpreter; with it, a program gets a Python exception. The parser, which
looks for the text of a line with a syntax error in a real file, takes the exception as "no such file".
"""

import sys

from .linux_errors import errno, error

# Events by which C code is about to leave the interpreter.
_REFUSED_EXACTLY = frozenset(
    """open os.system os.exec os.posix_spawn os.fork os.forkpty subprocess.Popen pty.spawn mmap.__new__
    socket.__new__ socket.bind socket.connect socket.getaddrinfo socket.gethostbyname socket.gethostbyaddr
    socket.gethostname socket.getnameinfo socket.getservbyname socket.getservbyport socket.sethostname
    syslog.openlog fcntl.fcntl resource.setrlimit signal.pthread_kill os.kill os.killpg
    sqlite3.load_extension sqlite3.enable_load_extension sys.remote_exec""".split()
)


def _hook(event, arguments):
    if event in _REFUSED_EXACTLY:
        raise error(errno.EPERM)
    if event == "sqlite3.connect" and arguments[0] not in (":memory:", b":memory:"):
        raise error(errno.EPERM)
    if event.startswith("ctypes."):
        raise error(errno.EPERM)


def install():
    """Sets the hook; nothing can take it away again."""
    sys.addaudithook(_hook)
