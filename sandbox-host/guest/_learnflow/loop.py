"""An event loop for asyncio that needs no sockets: it waits by sleeping."""

import asyncio
from asyncio import base_events, events

from . import clock


class _Selector:
    """Nothing is ever ready; time passes."""

    def select(self, timeout=None):
        # Without a timeout nothing can wake the loop any more; the wall limit ends it, as a hanging program.
        clock._sleep(3600.0 if timeout is None else max(timeout, 0))
        return []

    def close(self):
        pass

    def get_map(self):
        return {}


class SandboxLoop(base_events.BaseEventLoop):
    """asyncio's loop without input and output."""

    def __init__(self):
        super().__init__()
        self._selector = _Selector()

    def _process_events(self, event_list):
        pass

    def _write_to_self(self):
        pass

    def run_in_executor(self, executor, func, *args):
        # There are no threads: the function runs at once.
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


class _Policy(events._BaseDefaultEventLoopPolicy):
    _loop_factory = SandboxLoop


def install():
    """Makes the loop the one that asyncio.run() and new_event_loop() make."""
    asyncio.events._set_event_loop_policy(_Policy())
    asyncio.SelectorEventLoop = SandboxLoop
    asyncio.EventLoop = SandboxLoop
