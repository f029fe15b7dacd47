"""Equality that a test means. The debug agent's driver, which compares calls itself, includes this file."""

import math

_type = type


def same(expected, got):
    """Whether two values are equal: floats to a relative 1e-9, also inside containers of the same type."""
    kind = _type(expected)
    if kind is float or _type(got) is float:
        if not (_type(got) in (int, float, bool) and kind in (int, float, bool)):
            return bool(expected == got)
        return expected == got or math.isclose(expected, got, rel_tol=1e-9) or (expected != expected and got != got)
    if kind in (list, tuple):
        return (
            isinstance(got, kind) and len(expected) == len(got) and all(same(a, b) for a, b in zip(expected, got))
        )
    if kind is dict:
        return (
            isinstance(got, dict)
            and len(expected) == len(got)
            and all(key in got and same(value, got[key]) for key, value in expected.items())
        )
    return bool(expected == got)
