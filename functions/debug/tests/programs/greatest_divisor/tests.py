import unittest

from greatest_divisor import greatest_divisor


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(greatest_divisor(12, 18), 6)

    def test_2(self):
        self.assertEqual(greatest_divisor(7, 3), 1)

    def test_3(self):
        self.assertEqual(greatest_divisor(5, 0), 5)

    def test_4(self):
        self.assertEqual(greatest_divisor(9, 27), 9)
