import unittest

from coin_ways import coin_ways


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(coin_ways([1, 2], 4), 3)

    def test_2(self):
        self.assertEqual(coin_ways([2], 3), 0)

    def test_3(self):
        self.assertEqual(coin_ways([5], 5), 1)

    def test_4(self):
        self.assertEqual(coin_ways([1, 5, 10], 10), 4)

    def test_5(self):
        self.assertEqual(coin_ways([3], 0), 1)
