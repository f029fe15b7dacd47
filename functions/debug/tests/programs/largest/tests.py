import unittest

from largest import largest


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(largest([3, 9, 2]), 9)

    def test_2(self):
        self.assertEqual(largest([-5, -2, -9]), -2)

    def test_3(self):
        self.assertEqual(largest([4]), 4)

    def test_4(self):
        self.assertEqual(largest([1, 2, 3]), 3)
