"""Standard streams over the host: C text wrappers, so that programs see what they see elsewhere."""

import builtins
import io
import sys

from wit_world.imports import host

from . import signals

_emit = host.emit
# A program may put something else in their place.
_len, _bytes, _min = len, bytes, min
_interrupted = signals.interrupted

# What was printed since the last recorded step, while steps are recorded.
keep_printed = False
printed = []


class _Output(io.RawIOBase):
    """Bytes to the host, a call for each write."""

    def __init__(self, channel, number):
        self._channel = channel
        self._number = number

    def writable(self):
        return True

    def write(self, data):
        data = _bytes(data)
        if keep_printed:
            printed.append((self.name[1:-1], data.decode("utf-8", "replace")))
        # The host keeps the order of both streams by the order of these calls.
        if data and _emit(self._channel, data):
            _interrupted()
        return _len(data)


class _Lines(io.RawIOBase):
    """Bytes of lines that a person types while the program waits."""

    def __init__(self):
        self._rest = b""

    def readable(self):
        return True

    def readinto(self, buffer):
        if not self._rest:
            sys.stdout.flush()
            answer = host.read_line()
            while isinstance(answer, host.Input_Interrupted):
                # A handler that returns goes on waiting.
                _interrupted()
                answer = host.read_line()
            if isinstance(answer, host.Input_End):
                return 0
            self._rest = answer.value.encode("utf-8", "replace")
        count = _min(_len(buffer), _len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def _text_output(channel, number, name, errors):
    raw = _Output(channel, number)
    raw.name = name
    # Unbuffered below the text layer: what was printed must survive a program that is stopped.
    return io.TextIOWrapper(raw, encoding="utf-8", errors=errors, newline="\n", line_buffering=True)


# Streams that nobody has used yet; see `prepare`.
_unused = None


def _fresh():
    """Output streams, and a standard input of which all is known, which is put into the buffer below it."""
    buffer = io.BytesIO()
    buffer.name = "<stdin>"
    out = _text_output(host.Channel.STDOUT, 1, "<stdout>", "strict")
    err = _text_output(host.Channel.STDERR, 2, "<stderr>", "backslashreplace")
    out.mode = err.mode = "w"
    return buffer, _text_input(buffer), out, err


def prepare():
    """Makes the streams of the next program ahead of it, and closes those of the last."""
    global _unused
    _unused = _, _, out, err = _fresh()
    sys.stdin = sys.__stdin__ = None
    sys.stdout = sys.__stdout__ = out
    sys.stderr = sys.__stderr__ = err


def _text_input(raw):
    text = io.TextIOWrapper(raw, encoding="utf-8", errors="strict", newline=None)
    text.mode = "r"
    return text


def install(stdin):
    """Makes fresh streams the program's own; `stdin` is all of standard input, or None to ask the host for lines."""
    global _unused
    buffer, text, out, err = _unused or _fresh()
    _unused = None
    if stdin is None:
        text = _text_input(io.BufferedReader(_Lines(), 1))
    else:
        buffer.write(stdin.encode("utf-8", "replace"))
        buffer.seek(0)
    sys.stdin = sys.__stdin__ = text
    sys.stdout = sys.__stdout__ = out
    sys.stderr = sys.__stderr__ = err
    return out, err


def _input(prompt="", /):
    """input() over `sys.stdin`, with the prompt on `sys.stdout`."""
    stdin, stdout = sys.stdin, sys.stdout
    if stdin is None:
        raise RuntimeError("input(): lost sys.stdin")
    if stdout is None:
        raise RuntimeError("input(): lost sys.stdout")
    try:
        sys.stderr.flush()
    except AttributeError:
        pass
    prompt = str(prompt)
    if prompt:
        stdout.write(prompt)
    stdout.flush()
    line = stdin.readline()
    if not line:
        raise EOFError("EOF when reading a line")
    return line[:-1] if line.endswith("\n") else line


_input.__name__ = _input.__qualname__ = "input"
_input.__module__ = "builtins"
builtins.input = _input
