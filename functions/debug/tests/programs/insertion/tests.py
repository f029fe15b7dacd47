import unittest

from insertion import insertion


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(insertion([2, 1]), [1, 2])

    def test_2(self):
        self.assertEqual(insertion([3, 2, 1]), [1, 2, 3])

    def test_3(self):
        self.assertEqual(insertion([]), [])

    def test_4(self):
        self.assertEqual(insertion([4, 1, 3, 2]), [1, 2, 3, 4])
