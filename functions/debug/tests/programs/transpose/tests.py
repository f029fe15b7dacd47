import unittest

from transpose import transpose


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(transpose([[1, 2, 3], [4, 5, 6]]), [[1, 4], [2, 5], [3, 6]])

    def test_2(self):
        self.assertEqual(transpose([[7]]), [[7]])

    def test_3(self):
        self.assertEqual(transpose([[1], [2]]), [[1, 2]])
