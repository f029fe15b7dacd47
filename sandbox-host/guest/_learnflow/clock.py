"""Time and random bytes from the host.

The component has no WASI, so `time`, `os.urandom` and what rests on them would trap. This module replaces
them in the modules that are already loaded, and must be imported before anything that copies them.
"""

import os
import posix
import sys
import time

from wit_world.imports import host as _real_host

from . import rebind, signals


class _Build:
    """The host while the component is built, when there is none."""

    def wall_clock(self):
        return 1_767_225_600_000_000_000

    def monotonic_clock(self):
        return 0

    def processor_clock(self):
        return 0

    def random_bytes(self, count):
        return bytes(count)

    def sleep(self, nanoseconds):
        return False


host = _Build()


def connect():
    """From now on the real host answers."""
    global host
    host = _real_host


# The C implementation reads the clock without asking Python; the library's own Python one asks `time`.
sys.modules["_datetime"] = None
sys.modules["_zoneinfo"] = None

SECOND_NS = 1_000_000_000


def _now_ns():
    return host.wall_clock()


def _time():
    return host.wall_clock() / SECOND_NS


def _monotonic():
    return host.monotonic_clock() / SECOND_NS


def _process_time():
    return host.processor_clock() / SECOND_NS


def wait(seconds):
    """Lets time pass, whatever other threads there are."""
    if host.sleep(min(int(seconds * SECOND_NS), 2**63 - 1)):
        signals.interrupted()


# What lets other threads run while one sleeps; see turns.py.
others = None


def _sleep(seconds, /):
    if seconds != seconds:
        raise ValueError("Invalid value NaN (not a number)")
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    sys.stdout.flush()
    if others is None or not others(seconds):
        wait(seconds)


_gmtime, _localtime, _strftime, _asctime = time.gmtime, time.localtime, time.strftime, time.asctime


def _gmtime_of(seconds=None, /):
    return _gmtime(_time() if seconds is None else seconds)


def _localtime_of(seconds=None, /):
    # The sandbox's zone is UTC.
    return _gmtime(_time() if seconds is None else seconds)


def _strftime_of(format, t=None, /):
    return _strftime(format, _localtime_of() if t is None else t)


def _asctime_of(t=None, /):
    return _asctime(_localtime_of() if t is None else t)


def _ctime(seconds=None, /):
    return _asctime(_localtime_of(seconds))


def _mktime(t, /):
    import calendar

    return float(calendar.timegm(tuple(t)))


class _ClockInfo:
    def __init__(self, name, adjustable, monotonic):
        self.implementation, self.adjustable, self.monotonic, self.resolution = name, adjustable, monotonic, 1e-9

    def __repr__(self):
        return (
            f"namespace(implementation={self.implementation!r}, monotonic={self.monotonic}, "
            f"adjustable={self.adjustable}, resolution={self.resolution})"
        )


def _get_clock_info(name, /):
    if name not in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
        raise ValueError("unknown clock")
    return _ClockInfo(name, name == "time", name != "time")


def _urandom(size, /):
    if size < 0:
        raise ValueError("negative argument not allowed")
    chunks = []
    while size > 0:
        chunk = host.random_bytes(min(size, 65536))
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)


def _getrandom(size, flags=0):
    return _urandom(size)


_REPLACED = {
    "time": _time,
    "time_ns": _now_ns,
    "monotonic": _monotonic,
    "monotonic_ns": lambda: host.monotonic_clock(),
    "perf_counter": _monotonic,
    "perf_counter_ns": lambda: host.monotonic_clock(),
    "process_time": _process_time,
    "process_time_ns": lambda: host.processor_clock(),
    "thread_time": _process_time,
    "thread_time_ns": lambda: host.processor_clock(),
    "sleep": _sleep,
    "gmtime": _gmtime_of,
    "localtime": _localtime_of,
    "strftime": _strftime_of,
    "asctime": _asctime_of,
    "ctime": _ctime,
    "mktime": _mktime,
    "get_clock_info": _get_clock_info,
}

for _name, _function in _REPLACED.items():
    _function.__name__ = _function.__qualname__ = _name
    _function.__module__ = "time"
_pairs = [(getattr(time, _name), _function) for _name, _function in _REPLACED.items() if hasattr(time, _name)]
for _name, _function in _REPLACED.items():
    setattr(time, _name, _function)
for _name in ("clock_gettime", "clock_gettime_ns", "clock_getres", "clock_settime", "pthread_getcpuclockid"):
    if hasattr(time, _name):
        delattr(time, _name)

_urandom.__name__ = _urandom.__qualname__ = "urandom"
_pairs.append((posix.urandom, _urandom))
os.urandom = posix.urandom = _urandom
rebind.everywhere(_pairs)
if hasattr(os, "getrandom"):
    os.getrandom = posix.getrandom = _getrandom


def patch_random():
    """`random` without a seed asks C for one, which asks the operating system; here it asks the host."""
    import random

    seed = random.Random.seed

    def seeded(self, a=None, version=2):
        if a is None:
            a = int.from_bytes(_urandom(32), "little")
        return seed(self, a, version)

    seeded.__name__ = seeded.__qualname__ = "seed"
    seeded.__qualname__ = "Random.seed"
    seeded.__doc__ = seed.__doc__
    random.Random.seed = seeded
    random.seed = random._inst.seed
