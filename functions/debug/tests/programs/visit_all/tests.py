import unittest

from visit_all import visit_all


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(visit_all({"a": ["b", "c"], "b": ["d"], "c": ["d"]}, "a"), ["a", "b", "c", "d"])

    def test_2(self):
        self.assertEqual(visit_all({}, "x"), ["x"])

    def test_3(self):
        self.assertEqual(visit_all({"a": ["a"]}, "a"), ["a"])

    def test_4(self):
        self.assertEqual(visit_all({1: [2, 3], 2: [4]}, 1), [1, 2, 3, 4])
