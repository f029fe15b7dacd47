import unittest

from compress import compress


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(compress("aab"), "a2b1")

    def test_2(self):
        self.assertEqual(compress(""), "")

    def test_3(self):
        self.assertEqual(compress("abc"), "a1b1c1")

    def test_4(self):
        self.assertEqual(compress("zzzz"), "z4")
