"""Recording a program's steps for a step player; docs/trace.md describes the result.

The program runs under `sys.monitoring`, which it does not notice: nothing of its own is called, not even a
`__repr__`, and nothing is kept alive. Each step holds only what has changed since the one before.
"""

import json
import sys
import types

from wit_world.imports import host

from . import files, streams

_monitoring = sys.monitoring
_events = _monitoring.events
_TOOL = 4
_FILE = "main.py"

# Per value and per step; what is left out is counted in `length`.
STRING_CHARS = 200
ITEMS = 50
OBJECTS = 400
FRAMES_SHOWN = 60
# Steps that are sent together: what a stopped program can lose.
BATCH = 8

_HIDDEN = frozenset(
    """__name__ __doc__ __package__ __loader__ __spec__ __builtins__ __file__ __cached__ __annotations__
    __annotate__ __conditional_annotations__ __annotate_func__ __module__ __qualname__ __firstlineno__
    __static_attributes__ __classdictcell__ __classdict__ .0""".split()
)
_CONTAINERS = (list, tuple, dict, set, frozenset)
_getattribute = object.__getattribute__


def _fields(value):
    """The attributes of an instance, without calling anything of its class."""
    fields = []
    try:
        names = _getattribute(value, "__dict__")
        if type(names) is dict:
            fields.extend((name, item) for name, item in names.items() if type(name) is str)
    except AttributeError:
        pass
    for kind in type(value).__mro__:
        for name, member in vars(kind).items():
            if type(member) is types.MemberDescriptorType and name not in ("__dict__", "__weakref__"):
                try:
                    fields.append((name, member.__get__(value)))
                except AttributeError:
                    pass
    return fields


class _Heap:
    """Objects by identity, and what was last said about each."""

    def __init__(self):
        self.numbers = {}
        self.sent = {}
        self._next = 1

    def begin(self):
        """Starts a step."""
        self.seen = {}
        self.changed = {}
        self._queue = []

    def value(self, value):
        """A value as JSON: itself when it is simple, otherwise a reference into the heap."""
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            return value if -(1 << 53) < value < 1 << 53 else {"int": _long(value)}
        if kind is float:
            return value if value - value == 0 else {"float": repr(value)}
        if kind is str:
            text = value if len(value) <= STRING_CHARS else value[:STRING_CHARS]
            if not text.isascii():
                text = text.encode("utf-8", "replace").decode("utf-8")
            return text if len(value) <= STRING_CHARS else {"str": text, "length": len(value)}
        identity = id(value)
        number = self.seen.get(identity)
        if number is not None:
            return {"ref": number}
        known = self.numbers.get(identity)
        if known is not None and known[1] is kind:
            number = known[0]
        else:
            number = self._next
            self._next += 1
        if len(self.seen) >= OBJECTS:
            return {"type": kind.__name__}
        self.seen[identity] = number
        self.numbers[identity] = (number, kind)
        self._queue.append((number, value))
        return {"ref": number}

    def end(self):
        """Describes what was referred to; forgets what no longer is."""
        while self._queue:
            number, value = self._queue.pop()
            described = self._describe(value)
            if self.sent.get(number) != described:
                self.sent[number] = described
                self.changed[str(number)] = described
        if len(self.numbers) > len(self.seen):
            for identity in [identity for identity in self.numbers if identity not in self.seen]:
                number, _ = self.numbers.pop(identity)
                self.sent.pop(number, None)
        return self.changed

    def _describe(self, value):
        kind = type(value)
        if isinstance(value, (list, tuple, set, frozenset)):
            base = next(base for base in _CONTAINERS if isinstance(value, base))
            items = []
            for item in base.__iter__(value):
                if len(items) >= ITEMS:
                    break
                items.append(self.value(item))
            return {"kind": base.__name__, "type": kind.__name__, "items": items, "length": base.__len__(value)}
        if isinstance(value, dict):
            entries = []
            for key, item in dict.items(value):
                if len(entries) >= ITEMS:
                    break
                entries.append({"key": self.value(key), "value": self.value(item)})
            return {"kind": "dict", "type": kind.__name__, "entries": entries, "length": dict.__len__(value)}
        if kind is types.FunctionType:
            return {"kind": "function", "name": value.__qualname__}
        if isinstance(value, type):
            return {"kind": "class", "name": type.__dict__["__name__"].__get__(value)}
        if kind is types.ModuleType:
            return {"kind": "module", "name": str(vars(value).get("__name__", "?"))[:STRING_CHARS]}
        if kind in (types.MethodType, types.BuiltinFunctionType):
            return {"kind": "function", "name": value.__qualname__ if kind is types.BuiltinFunctionType else _method(value)}
        if kind in (bytes, bytearray, range, complex):
            return {"kind": "value", "type": kind.__name__, "text": repr(value[:40] if kind in (bytes, bytearray) else value)}
        fields = [{"name": name, "value": self.value(item)} for name, item in _fields(value)[:ITEMS]]
        return {"kind": "object", "type": kind.__name__, "fields": fields}


def _method(value):
    return getattr(value.__func__, "__qualname__", "method")


def _long(value):
    if value.bit_length() > 2000:
        return f"about 2**{value.bit_length() - 1}"
    return str(value)


class Recorder:
    """Records until its limit; the program goes on after that."""

    def __init__(self, limit):
        self._limit = limit
        self._count = 0
        self._cut = None
        self._heap = _Heap()
        self._batch = []
        self._stack = []
        self._next_frame = 0
        self._own = {}
        self._active = False
        # Frames that ended since the last step.
        self._left = 0

    def __enter__(self):
        if _monitoring.get_tool(_TOOL) is None:
            _monitoring.use_tool_id(_TOOL, "steps")
        for event, callback in (
            (_events.LINE, self._on_line),
            (_events.PY_START, self._on_start),
            (_events.PY_RESUME, self._on_start),
            (_events.PY_RETURN, self._on_return),
            (_events.PY_YIELD, self._on_return),
            (_events.PY_UNWIND, self._on_unwind),
            (_events.RAISE, self._on_raise),
        ):
            _monitoring.register_callback(_TOOL, event, callback)
        streams.printed.clear()
        streams.keep_printed = True
        return self

    def __exit__(self, *exception):
        self._stop()
        streams.keep_printed = False
        self._batch.append(json.dumps({"end": True, "cut": self._cut}))
        host.record_steps(self._batch)
        self._batch = []
        self._stack.clear()
        return False

    def run(self, code, names):
        """Runs a program's code with recording."""
        self._active = True
        _monitoring.set_events(
            _TOOL,
            _events.LINE | _events.PY_START | _events.PY_RESUME | _events.PY_RETURN | _events.PY_YIELD
            | _events.PY_UNWIND | _events.RAISE,
        )
        try:
            exec(code, names)
        finally:
            self._stop()

    def _stop(self):
        self._active = False
        _monitoring.set_events(_TOOL, 0)

    def _is_own(self, code):
        own = self._own.get(code)
        if own is None:
            own = self._own[code] = files.is_own(code.co_filename)
        return own

    def _on_line(self, code, line):
        if not self._is_own(code):
            return _monitoring.DISABLE
        self._step("line", sys._getframe(1), line)

    def _on_start(self, code, offset):
        if not self._is_own(code):
            return _monitoring.DISABLE
        if code.co_name != "<module>":
            self._step("call", sys._getframe(1), code.co_firstlineno)

    def _on_return(self, code, offset, value):
        if not self._is_own(code):
            return _monitoring.DISABLE
        frame = sys._getframe(1)
        self._step("return", frame, frame.f_lineno, value=value)
        self._leave(frame)

    def _on_unwind(self, code, offset, error):
        if self._active and self._is_own(code):
            self._leave(sys._getframe(1))

    def _on_raise(self, code, offset, error):
        if self._active and self._is_own(code):
            frame = sys._getframe(1)
            self._step("exception", frame, frame.f_lineno, error=error)

    def _leave(self, frame):
        if self._stack and self._stack[-1][0] is frame:
            self._stack.pop()
            self._left += 1

    def _frames(self, frame):
        """The program's frames, outermost first."""
        frames = []
        while frame is not None:
            if self._is_own(frame.f_code):
                frames.append(frame)
            frame = frame.f_back
        frames.reverse()
        return frames

    def _step(self, event, frame, line, value=None, error=None):
        if not self._active:
            return
        # Watching must not be watched.
        self._active = False
        try:
            self._record(event, frame, line, value, error)
            self._active = True
        except Exception as failed:
            self._cut = f"internal: {type(failed).__name__}"
            self._stop()
        if self._count >= self._limit and self._cut is None:
            self._cut = "steps"
        if self._cut is not None:
            self._stop()

    def _record(self, event, frame, line, value, error):
        self._count += 1
        step = {"event": event, "line": line}
        if frame.f_code.co_filename != _FILE:
            step["file"] = frame.f_code.co_filename
        pushed, dropped = self._follow(frame)
        dropped += self._left
        self._left = 0
        if dropped:
            step["drop"] = dropped
        if pushed:
            step["push"] = pushed
        heap = self._heap
        heap.begin()
        variables, gone = {}, {}
        # All frames are looked at, so that what a callee changed through a closure or a global shows.
        for known, number, before in self._stack[:FRAMES_SHOWN] + self._stack[FRAMES_SHOWN:][-1:]:
            names = known.f_globals if known.f_code.co_name == "<module>" else known.f_locals
            now = {
                name: heap.value(item)
                for name, item in list(names.items())
                if name not in _HIDDEN and type(name) is str
            }
            if now != before:
                changed = {name: item for name, item in now.items() if name not in before or before[name] != item}
                missing = [name for name in before if name not in now]
                if changed:
                    variables[str(number)] = changed
                if missing:
                    gone[str(number)] = missing
                before.clear()
                before.update(now)
        if event == "return":
            step["value"] = heap.value(value)
        if error is not None:
            step["error"] = {"type": type(error).__name__, "message": _message(error)}
        changed = heap.end()
        if variables:
            step["vars"] = variables
        if gone:
            step["gone"] = gone
        if changed:
            step["heap"] = changed
        if streams.printed:
            step["out"] = [{"stream": stream, "text": text} for stream, text in streams.printed]
            streams.printed.clear()
        self._batch.append(json.dumps(step, separators=(",", ":")))
        if len(self._batch) >= BATCH:
            batch, self._batch = self._batch, []
            if not host.record_steps(batch):
                self._cut = "bytes"

    def _follow(self, frame):
        """Brings the known stack in line with the real one."""
        stack = self._stack
        if stack and stack[-1][0] is frame:
            return None, 0
        frames = self._frames(frame)
        common = 0
        while common < len(frames) and common < len(stack) and stack[common][0] is frames[common]:
            common += 1
        dropped = len(stack) - common
        del stack[common:]
        pushed = []
        for new in frames[common:]:
            self._next_frame += 1
            stack.append((new, self._next_frame, {}))
            pushed.append({"frame": self._next_frame, "name": new.f_code.co_name, "line": new.f_lineno})
        return pushed, dropped


def _message(error):
    """The text of an exception when no code of the program is needed for it."""
    if type(error).__str__ in (BaseException.__str__, KeyError.__str__, OSError.__str__, SyntaxError.__str__):
        if all(type(item) in (str, int, float, bool, type(None)) for item in error.args):
            return str(error)[:STRING_CHARS]
    return ""
