import unittest

from running_total import running_total


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(running_total([1, 2, 3]), [1, 3, 6])

    def test_2(self):
        self.assertEqual(running_total([]), [])

    def test_3(self):
        self.assertEqual(running_total([5, -5]), [5, 0])
