import unittest

from digits_sum import digits_sum


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(digits_sum(123), 6)

    def test_2(self):
        self.assertEqual(digits_sum(0), 0)

    def test_3(self):
        self.assertEqual(digits_sum(9), 9)

    def test_4(self):
        self.assertEqual(digits_sum(1001), 2)
