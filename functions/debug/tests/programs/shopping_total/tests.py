import unittest

from shopping_total import shopping_total


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(shopping_total([]), 0)

    def test_2(self):
        self.assertEqual(shopping_total([("pen", 2, 3)]), 7.2)

    def test_3(self):
        self.assertEqual(shopping_total([("a", 1, 1), ("b", 2, 2)], 0), 5)

    def test_4(self):
        self.assertEqual(shopping_total([("a", 10, 1)], 0.1), 11)
