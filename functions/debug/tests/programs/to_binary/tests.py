import unittest

from to_binary import to_binary


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(to_binary(0), "0")

    def test_2(self):
        self.assertEqual(to_binary(1), "1")

    def test_3(self):
        self.assertEqual(to_binary(6), "110")

    def test_4(self):
        self.assertEqual(to_binary(19), "10011")
