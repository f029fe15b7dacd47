import unittest

from fibonacci import fibonacci


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(fibonacci(0), 0)

    def test_2(self):
        self.assertEqual(fibonacci(1), 1)

    def test_3(self):
        self.assertEqual(fibonacci(2), 1)

    def test_4(self):
        self.assertEqual(fibonacci(10), 55)
