import unittest

from folder_size import size, deepest


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(size([1, [2, 3], [[4]]]), 10)

    def test_2(self):
        self.assertEqual(size([]), 0)

    def test_3(self):
        self.assertEqual(deepest([1, [2, [3]], [4]]), 3)

    def test_4(self):
        self.assertEqual(deepest([]), 1)

    def test_5(self):
        self.assertEqual(deepest([[], [[]]]), 3)
