import unittest

from count_down import count_down


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(count_down(3), [3, 2, 1, "go"])

    def test_2(self):
        self.assertEqual(count_down(0), ["go"])

    def test_3(self):
        self.assertEqual(count_down(1), [1, "go"])
