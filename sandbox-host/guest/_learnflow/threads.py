"""`threading` and what rests on it, over threads that take turns."""

import _thread
import concurrent.futures.thread as pools
import queue
import sys
import threading
import _threading_local

from . import failure, rebind, turns

_real_ident = _thread.get_ident
_own_hook = threading.excepthook


def _start_joinable(function, handle=None, daemon=True):
    handle = turns.Handle() if handle is None else handle
    handle.turn = turns.start(function, daemon)
    return handle


def _start_new(function, args, kwargs={}, /):
    if not callable(function):
        raise TypeError("first arg must be callable")

    def body():
        try:
            function(*args, **kwargs)
        except SystemExit:
            pass
        except Exception as error:
            _report(threading.current_thread(), error)

    return turns.start(body, True).ident


def _start(self):
    """Thread.start: the thread is known at once, and runs when somebody waits."""
    if not self._initialized:
        raise RuntimeError("thread.__init__() not called")
    if self._started.is_set():
        raise RuntimeError("threads can only be started once")
    if self._context is None:
        import contextvars

        self._context = contextvars.Context()
    _start_joinable(lambda: _body(self), self._os_thread_handle, self.daemon)
    self._set_ident()
    threading._active[self._ident] = self
    self._started.set()


def _body(self):
    try:
        self._context.run(self.run)
    except (turns._Parked, KeyboardInterrupt):
        # The second is for the main thread, which waits below.
        raise
    except SystemExit:
        pass
    except BaseException as error:
        if threading.excepthook is _own_hook:
            _report(self, error)
        else:
            arguments = threading.ExceptHookArgs((type(error), error, error.__traceback__, self))
            threading.excepthook(arguments)
    finally:
        threading._active.pop(self._ident, None)


def _report(thread, error):
    """Prints the exception that ended a thread."""
    described = failure.describe_safely(error)
    sys.stderr.write(f"Exception in thread {thread.name}:\n{described.traceback}")


def _set_ident(self):
    self._ident = self._os_thread_handle.ident or turns.ident()


def _submit(self, fn, /, *args, **kwargs):
    """ThreadPoolExecutor.submit: the work is done at once."""
    with self._shutdown_lock:
        if self._shutdown:
            raise RuntimeError("cannot schedule new futures after shutdown")
    future = pools._base.Future()
    number = self._learnflow_count = getattr(self, "_learnflow_count", -1) + 1

    def work():
        if not future.set_running_or_notify_cancel():
            return
        try:
            if number < self._max_workers and self._learnflow_initializer is not None:
                self._learnflow_initializer()
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)

    name = f"{self._thread_name_prefix or self}_{number % self._max_workers}"
    worker = threading.Thread(target=work, name=name)
    worker.start()
    worker.join()
    return future


_real_init = pools.ThreadPoolExecutor.__init__


def _init_pool(self, max_workers=None, thread_name_prefix="", initializer=None, initargs=(), **named):
    _real_init(self, max_workers, thread_name_prefix, initializer, initargs, **named)
    self._learnflow_initializer = None if initializer is None else lambda: initializer(*initargs)


def _shutdown_pool(self, wait=True, *, cancel_futures=False):
    self._shutdown = True


class _SimpleQueue(queue._PySimpleQueue):
    """The library's own Python form, under the name that it has in C."""

    __module__ = "_queue"
    __qualname__ = "SimpleQueue"


def _ident():
    return turns.ident()


def install():
    """Puts the replacements in place, also where their originals were copied to."""
    turns.reset(_real_ident())
    _ident.__name__ = _ident.__qualname__ = "get_ident"
    _ident.__module__ = "_thread"
    rebind.everywhere(
        [
            (_thread.allocate_lock, turns.lock),
            (_thread.LockType, turns.lock),
            (_thread.get_ident, _ident),
            (_thread.start_new_thread, _start_new),
            (_thread.start_joinable_thread, _start_joinable),
            (_thread._ThreadHandle, turns.Handle),
            (_thread._local, _threading_local.local),
            (_thread.RLock, threading._PyRLock),
            (queue.SimpleQueue, _SimpleQueue),
        ]
    )
    _thread.allocate_lock = _thread.allocate = _thread.lock = _thread.LockType = turns.lock
    _thread.get_ident, _thread.start_new_thread = _ident, _start_new
    _thread.start_joinable_thread, _thread._ThreadHandle = _start_joinable, turns.Handle
    threading._CRLock = None
    threading.Thread.start, threading.Thread._set_ident = _start, _set_ident
    pools.ThreadPoolExecutor.submit = _submit
    pools.ThreadPoolExecutor.__init__ = _init_pool
    pools.ThreadPoolExecutor.shutdown = _shutdown_pool
    # Objects that were made with the originals.
    threading._active_limbo_lock = threading.RLock()
    threading._shutdown_locks_lock = turns.lock()
    main = threading.main_thread()
    main._os_thread_handle = turns.Handle(turns._main)
    main._started = threading.Event()
    main._started.set()


def finish():
    """What is left of a program's threads runs at its end."""
    turns.finish()


def forget():
    """Makes a fresh start after a program."""
    for ident in [ident for ident in threading._active if ident != turns._main.ident]:
        del threading._active[ident]
    turns.reset(turns._main.ident)
    threading._counter = threading._count(1).__next__
