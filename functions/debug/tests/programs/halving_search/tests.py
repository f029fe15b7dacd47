import unittest

from halving_search import halving_search


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(halving_search([1, 3, 5, 7], 7), 3)

    def test_2(self):
        self.assertEqual(halving_search([1, 3, 5, 7], 1), 0)

    def test_3(self):
        self.assertIsNone(halving_search([1, 3, 5], 4))

    def test_4(self):
        self.assertIsNone(halving_search([], 2))

    def test_5(self):
        self.assertEqual(halving_search([6], 6), 0)
