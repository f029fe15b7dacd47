import unittest

from longest_run import longest_run


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(longest_run([1, 1, 2]), 2)

    def test_2(self):
        self.assertEqual(longest_run([]), 0)

    def test_3(self):
        self.assertEqual(longest_run([3]), 1)

    def test_4(self):
        self.assertEqual(longest_run([1, 2, 2, 2, 1]), 3)
