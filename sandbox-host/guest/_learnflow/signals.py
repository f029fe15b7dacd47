"""Ctrl-C: as a signal on other systems, so that a program's own handler is asked too."""

import signal

import _signal

from wit_world.imports import host, memory

_lend, _leave, _SIGINT = memory.lend, host.leave, _signal.SIGINT
_raise_signal, _getsignal, _SIG_DFL = _signal.raise_signal, _signal.getsignal, _signal.SIG_DFL
# By default they do nothing.
_IGNORED = {getattr(_signal, name) for name in ("SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH") if hasattr(_signal, name)}
# While the component is built there is no host.
_lent = True


def install():
    """Gives SIGINT the handler that it has in every Python. While the component is built."""
    _signal.signal(_SIGINT, _signal.default_int_handler)
    raise_signal.__module__ = "_signal"
    signal.raise_signal = _signal.raise_signal = raise_signal


def connect():
    """From now on there is a host."""
    global _lent
    _lent = False


def lend():
    """Lets the host interrupt a program that only computes."""
    global _lent
    if not _lent:
        _lent = True
        _lend(b"\0")


def raise_signal(signalnum, /):
    """`signal.raise_signal`; a signal that nobody handles ends the program, as a process is ended by it."""
    if _getsignal(signalnum) in (None, _SIG_DFL) and signalnum not in _IGNORED:
        _leave(128 + signalnum)
    _raise_signal(signalnum)


def interrupted():
    """The user pressed Ctrl-C: runs the handler, which raises KeyboardInterrupt unless the program has another."""
    _raise_signal(_SIGINT)
