import unittest

from power_set import power_set


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(power_set([]), [[]])

    def test_2(self):
        self.assertEqual(sorted(power_set([1])), [[], [1]])

    def test_3(self):
        self.assertEqual(len(power_set([1, 2, 3])), 8)

    def test_4(self):
        self.assertTrue([1, 2] in power_set([1, 2]))
