"""The examples of an exercise; `same` is the sandbox's (sandbox-host/guest/_learnflow/equality.py)."""

import unittest

import main as program


class Examples(unittest.TestCase):
    def check(self, call, expected):
        got = eval(compile(call, "<call>", "eval", dont_inherit=True), program.__dict__)
        wanted = eval(expected, {})
        if not same(wanted, got):
            self.fail(f"{call} gives {got!r}, and {wanted!r} is expected")
