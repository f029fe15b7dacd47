"""Threads that take turns.

The interpreter has one thread of execution. A started thread waits until somebody waits: for it (`join`), for a lock,
a queue or an event that is not free, or, in the main thread, for time to pass. Then it runs, on top of whoever waits,
until it ends. So what depends on threads being *concurrent* is sequential here, and right: counters under locks,
workers with queues, timers, pools. What needs two threads to go back and forth cannot run, and says so: a thread
that waits for one below it gets a RuntimeError, or, when it is a daemon, ends without a word.
"""

from . import clock

# More that have not ended are a mistake, or an attack.
MOST = 200
# Threads on top of each other; each needs a part of the interpreter's stack.
DEEPEST = 20
# A program that asks so often whether a thread is alive does nothing else until it has ended.
PATIENCE = 20

STUCK = (
    "this thread waits for something that another one has to do first, and threads take turns in the sandbox: "
    "a thread runs until it ends while others wait"
)
DEADLOCK = "deadlock: this waits for something that no other thread will do any more"


class _Parked(BaseException):
    """Ends a daemon that is in the way of others."""


class Turn:
    """One thread, from its start to its end."""

    def __init__(self, ident, body, daemon):
        self.ident, self.body, self.daemon = ident, body, daemon
        self.begun = self.done = False
        # While it waits: what for, and until when.
        self.ready, self.deadline = None, None


_main = _current = None
# Those that run or wait, the one on top last; and those that have not begun.
_stack, _waiting = [], []
_count = 0
# What a frozen clock did not pass while somebody slept.
_skipped = 0.0


def reset(main_ident):
    """Forgets all threads but the main one."""
    global _main, _current, _count, _skipped
    _main = _current = Turn(main_ident, None, False)
    _main.begun = True
    _stack[:] = [_main]
    _waiting.clear()
    _count, _skipped = 0, 0.0


def ident():
    """Of the thread that runs."""
    return _current.ident


def start(body, daemon):
    """Takes a thread in; it runs when somebody waits."""
    global _count
    if len(_waiting) + len(_stack) > MOST:
        raise RuntimeError("can't start new thread")
    _count += 1
    turn = Turn(_main.ident + _count, body, daemon)
    _waiting.append(turn)
    return turn


def _run(turn):
    global _current
    _waiting.remove(turn)
    turn.begun = True
    _stack.append(turn)
    below, _current = _current, turn
    try:
        turn.body()
    except _Parked:
        pass
    finally:
        turn.done = True
        _current = below
        _stack.remove(turn)


def _now():
    return clock.host.monotonic_clock() / clock.SECOND_NS + _skipped


def _pass_time(seconds):
    global _skipped
    before = _now()
    clock.wait(seconds)
    missing = seconds - (_now() - before)
    if missing > 0:
        _skipped += missing


def _is_due(turn, now):
    return turn.deadline is not None and now >= turn.deadline or turn.ready is not None and turn.ready()


def wait(ready, timeout=None, first=None):
    """Lets others run until `ready()`; False when the timeout came first. `first` is who shall run first."""
    me = _current
    me.ready, me.deadline = ready, None if timeout is None else _now() + timeout
    try:
        while not ready():
            if first is not None and first in _waiting and len(_stack) < DEEPEST:
                _run(first)
                continue
            if _waiting and len(_stack) < DEEPEST:
                _run(_waiting[0])
                continue
            now = _now()
            if me.deadline is not None and now >= me.deadline:
                return False
            below = _stack[:-1]
            if any(_is_due(turn, now) for turn in below):
                if me.daemon:
                    raise _Parked
                if me.deadline is None:
                    raise RuntimeError(STUCK)
            ends = [turn.deadline for turn in (me, *below) if turn.deadline is not None and turn.deadline > now]
            if not ends:
                raise RuntimeError(DEADLOCK)
            _pass_time(min(ends) - now)
        return True
    finally:
        me.ready = me.deadline = None


def sleep(seconds):
    """Others run while the main thread sleeps. False when there are none, or this is another thread."""
    if _current is _main and _waiting:
        wait(_never, seconds)
        return True
    if not _current.daemon:
        return False
    # A daemon gets no further when who is below it becomes due meanwhile.
    wait(_never, seconds)
    return True


def _never():
    return False


def finish():
    """Runs what was started and is no daemon, as the interpreter does at its exit."""
    while True:
        left = [turn for turn in _waiting if not turn.daemon]
        if not left:
            _waiting.clear()
            return
        _run(left[0])


class lock:
    """A lock of threads that take turns."""

    __slots__ = ("_locked", "__weakref__")

    def __init__(self):
        self._locked = False

    def acquire(self, blocking=True, timeout=-1):
        """Locks it. Returns whether it did."""
        if not blocking and timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        if timeout < 0 and timeout != -1:
            raise ValueError("timeout value must be a non-negative number")
        if self._locked:
            if not blocking:
                return False
            if not wait(self._is_free, None if timeout == -1 else timeout):
                return False
        self._locked = True
        return True

    def _is_free(self):
        return not self._locked

    def release(self):
        """Unlocks it, whoever locked it."""
        if not self._locked:
            raise RuntimeError("release unlocked lock")
        self._locked = False

    def locked(self):
        """Whether it is locked."""
        return self._locked

    acquire_lock, release_lock, locked_lock = acquire, release, locked

    def __enter__(self):
        if self._locked:
            self.acquire()
        self._locked = True
        return True

    def __exit__(self, *error):
        self.release()

    def _at_fork_reinit(self):
        self._locked = False

    def __repr__(self):
        state = "locked" if self._locked else "unlocked"
        return f"<{state} _thread.lock object at {id(self):#x}>"


lock.__module__ = "_thread"
lock.__qualname__ = "lock"


class Handle:
    """What `threading.Thread` holds of its thread."""

    def __init__(self, turn=None):
        self.turn = turn
        self._asked = 0

    @property
    def ident(self):
        """Its number."""
        return 0 if self.turn is None else self.turn.ident

    def is_done(self):
        """Whether it has ended."""
        turn = self.turn
        if turn is not None and not turn.begun and turn is not _current:
            self._asked += 1
            if self._asked > PATIENCE:
                _run(turn)
        return turn is not None and turn.done

    def _set_done(self):
        if self.turn is not None:
            self.turn.done = True

    def join(self, timeout=None):
        """Waits for its end."""
        turn = self.turn
        if turn is None or turn.done:
            return
        if turn is _current:
            raise RuntimeError("Cannot join current thread")
        wait(lambda: turn.done, None if timeout is None or timeout < 0 else timeout, turn)
