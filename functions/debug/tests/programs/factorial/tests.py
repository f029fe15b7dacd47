import unittest

from factorial import factorial


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(factorial(0), 1)

    def test_2(self):
        self.assertEqual(factorial(1), 1)

    def test_3(self):
        self.assertEqual(factorial(5), 120)

    def test_4(self):
        self.assertEqual(factorial(7), 5040)
