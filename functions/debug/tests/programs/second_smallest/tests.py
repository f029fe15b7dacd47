import unittest

from second_smallest import second_smallest


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(second_smallest([3, 1, 2]), 2)

    def test_2(self):
        self.assertIsNone(second_smallest([5]))

    def test_3(self):
        self.assertEqual(second_smallest([1, 1, 4]), 4)

    def test_4(self):
        self.assertIsNone(second_smallest([]))
