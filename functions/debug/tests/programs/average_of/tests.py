import unittest

from average_of import average_of


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(average_of([1, 2]), 1.5)

    def test_2(self):
        self.assertEqual(average_of([]), 0)

    def test_3(self):
        self.assertEqual(average_of([4]), 4)

    def test_4(self):
        self.assertEqual(average_of([2, 4, 9]), 5)
