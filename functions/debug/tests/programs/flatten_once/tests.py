import unittest

from flatten_once import flatten_once


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(flatten_once([[1, 2], [3]]), [1, 2, 3])

    def test_2(self):
        self.assertEqual(flatten_once([]), [])

    def test_3(self):
        self.assertEqual(flatten_once([[], [4]]), [4])
