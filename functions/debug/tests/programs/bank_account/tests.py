import unittest

from bank_account import balance_after


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(balance_after([]), (10, 0))

    def test_2(self):
        self.assertEqual(balance_after([("in", 5)]), (15, 1))

    def test_3(self):
        self.assertEqual(balance_after([("out", 10)]), (0, 1))

    def test_4(self):
        self.assertEqual(balance_after([("out", 11)]), (10, 0))

    def test_5(self):
        self.assertEqual(balance_after([("in", 1), ("out", 3)]), (8, 2))
