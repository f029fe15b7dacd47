import unittest

from bubble import bubble


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(bubble([3, 1, 2]), [1, 2, 3])

    def test_2(self):
        self.assertEqual(bubble([]), [])

    def test_3(self):
        self.assertEqual(bubble([5, 4, 3, 2, 1]), [1, 2, 3, 4, 5])

    def test_4(self):
        self.assertEqual(bubble([1, 1]), [1, 1])
