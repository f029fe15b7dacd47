import unittest

from caesar import caesar


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(caesar("abc", 1), "bcd")

    def test_2(self):
        self.assertEqual(caesar("xyz", 3), "abc")

    def test_3(self):
        self.assertEqual(caesar("Hi!", 2), "Jk!")

    def test_4(self):
        self.assertEqual(caesar("", 5), "")
