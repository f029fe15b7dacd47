import unittest

from score_file import roundtrip


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(roundtrip([('a', 3), ('b', 12)]), ('b', 12))

    def test_2(self):
        self.assertEqual(roundtrip([('a', 9), ('b', 10), ('c', 2)]), ('b', 10))

    def test_3(self):
        self.assertEqual(roundtrip([('x', 1)]), ('x', 1))

    def test_4(self):
        self.assertEqual(roundtrip([('a', 5), ('b', 5)]), ('a', 5))

    def test_5(self):
        self.assertEqual(roundtrip([]), None)
