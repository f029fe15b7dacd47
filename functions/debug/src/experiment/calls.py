"""The examples of an exercise, as the sandbox compares them (sandbox-host/guest/_learnflow/suite.py)."""

import math
import unittest

import main as program


def same(expected, got):
    kind = type(expected)
    if kind is float or type(got) is float:
        if not (type(got) in (int, float, bool) and kind in (int, float, bool)):
            return bool(expected == got)
        return expected == got or math.isclose(expected, got, rel_tol=1e-9) or (expected != expected and got != got)
    if kind in (list, tuple):
        return isinstance(got, kind) and len(expected) == len(got) and all(map(same, expected, got))
    if kind is dict:
        return (
            isinstance(got, dict)
            and len(expected) == len(got)
            and all(key in got and same(value, got[key]) for key, value in expected.items())
        )
    return bool(expected == got)


class Examples(unittest.TestCase):
    def check(self, call, expected):
        got = eval(compile(call, "<call>", "eval", dont_inherit=True), program.__dict__)
        wanted = eval(expected, {})
        if not same(wanted, got):
            self.fail(f"{call} gives {got!r}, and {wanted!r} is expected")
