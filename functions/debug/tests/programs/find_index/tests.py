import unittest

from find_index import find_index


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(find_index([4, 5, 6], 6), 2)

    def test_2(self):
        self.assertEqual(find_index([4, 5, 6], 4), 0)

    def test_3(self):
        self.assertEqual(find_index([], 1), -1)

    def test_4(self):
        self.assertEqual(find_index([1], 2), -1)
