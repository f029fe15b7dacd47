"""Exceptions as a student should see them: their own frames only, and an explanation."""

import linecache
import re
import sys
import traceback

from wit_world import Explanation, Failure

from . import files

# What is kept of texts that a program controls.
MESSAGE_CHARS = 4_000
TRACEBACK_CHARS = 16_000
# Frames that an explanation looks at, outermost and innermost: of an endless recursion all others are alike.
OUTERMOST = 4
INNERMOST = 16

_last = None


def set_sources(sources):
    """The program's files, for tracebacks: path to text."""
    linecache.cache.clear()
    for path, text in sources.items():
        # A one-tuple is linecache's form of "read it when it is needed".
        linecache.cache[path] = (lambda text=text: text,)


def _keep(error, chosen, seen):
    """Keeps the frames of an exception, and of those it came from, that `chosen` picks of the list of them."""
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    frames = []
    tb = error.__traceback__
    while tb is not None:
        frames.append(tb)
        tb = tb.tb_next
    following = None
    for tb in reversed(chosen(frames)):
        following = type(tb)(following, tb.tb_frame, tb.tb_lasti, tb.tb_lineno) if tb.tb_next is not following else tb
    error.__traceback__ = following
    _keep(error.__cause__, chosen, seen)
    _keep(error.__context__, chosen, seen)
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            _keep(part, chosen, seen)


def _own(frames):
    """Those of the program."""
    return [tb for tb in frames if files.is_own(tb.tb_frame.f_code.co_filename)]


def _ends(frames):
    """Those at both ends of a long list."""
    return frames if len(frames) <= OUTERMOST + INNERMOST else frames[:OUTERMOST] + frames[-INNERMOST:]


_format_frame_summary = traceback.StackSummary.format_frame_summary


def _remembered(self, frame_summary, **options):
    """`StackSummary.format_frame_summary`, which parses the line of a frame anew each time, also of a frame that
    repeats the one before it."""
    known = self.__dict__.setdefault("_formatted", {})
    at = frame_summary
    key = (at.filename, at.lineno, at.end_lineno, at.colno, at.end_colno, at.name, repr(at.locals), *options.items())
    if key not in known:
        known[key] = _format_frame_summary(self, frame_summary, **options)
    return known[key]


traceback.StackSummary.format_frame_summary = _remembered


def _message(error):
    try:
        return str(error)
    except Exception:
        return f"<{type(error).__name__} whose text cannot be shown>"


def _innermost(error):
    line, path = None, ""
    tb = error.__traceback__
    while tb is not None:
        path, line = tb.tb_frame.f_code.co_filename, tb.tb_lineno
        tb = tb.tb_next
    if isinstance(error, SyntaxError) and error.filename and files.is_own(error.filename):
        return error.lineno, error.filename
    return line, path


def _format(error):
    try:
        text = "".join(traceback.TracebackException(type(error), error, error.__traceback__, compact=True).format())
    except RecursionError:
        text = f"{type(error).__name__}: {_message(error)}\n"
    except Exception:
        text = f"{type(error).__name__}\n"
    if len(text) > TRACEBACK_CHARS:
        half = TRACEBACK_CHARS // 2
        text = f"{text[:half]}\n  ... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"
    return text


def describe(error):
    """The Failure of an exception; it is kept for `explain_last`."""
    global _last
    _keep(error, _own, set())
    _last = error
    line, path = _innermost(error)
    message = _message(error)
    if isinstance(error, SyntaxError) and error.msg:
        message = str(error.msg)
    kind = type(error).__name__
    return Failure(kind, _clean(message)[:MESSAGE_CHARS], line, path, _clean(_format(error)))


def describe_safely(error):
    """Like `describe`, for a program that may have broken what describing needs."""
    try:
        return describe(error)
    except BaseException:
        kind = type.__dict__["__name__"].__get__(type(error))
        return Failure(kind, "", None, "", f"{kind}\n")


def _clean(text):
    """Without lone surrogates, which UTF-8 does not have."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def explain_last():
    """What the last described exception means; empty parts where nothing is known."""
    error = _last
    # The program may have set it lower than explaining needs.
    sys.setrecursionlimit(1000)
    if error is None:
        return Explanation("", "", "")
    return explain(error)


def explain(error):
    """What an exception means, in plain text."""
    from friendly_traceback.core import FriendlyTraceback
    from friendly_traceback.source_cache import cache

    for path, text in files._sources.items():
        cache.add(path, text)
    _keep(error, _ends, set())
    friendly = FriendlyTraceback(type(error), error, error.__traceback__)
    friendly.assign_generic()
    friendly.assign_cause()
    what, why, hint = (_plain(friendly.info.get(part, "")) for part in ("generic", "cause", "suggest"))
    if "friendly-traceback/issues" in why:
        # It does not know, and says so to its own authors' issue tracker.
        why = hint = ""
    return Explanation(what, why, hint)


def _plain(text):
    text = re.sub(r"\n{3,}", "\n\n", str(text)).strip()
    return _clean(text)[:MESSAGE_CHARS]


def show(failure):
    """Prints a traceback as the interpreter does when a program ends."""
    try:
        sys.__stderr__.write(failure.traceback)
        sys.__stderr__.flush()
    except BaseException:
        pass
