import unittest

from merge_two import merge_two


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(merge_two([1, 3], [2, 4]), [1, 2, 3, 4])

    def test_2(self):
        self.assertEqual(merge_two([], [1]), [1])

    def test_3(self):
        self.assertEqual(merge_two([5], []), [5])

    def test_4(self):
        self.assertEqual(merge_two([1, 2], [1, 3]), [1, 1, 2, 3])
