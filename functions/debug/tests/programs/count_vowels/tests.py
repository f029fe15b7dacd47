import unittest

from count_vowels import count_vowels


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(count_vowels("banana"), 3)

    def test_2(self):
        self.assertEqual(count_vowels(""), 0)

    def test_3(self):
        self.assertEqual(count_vowels("OUI"), 3)

    def test_4(self):
        self.assertEqual(count_vowels("xyz"), 0)
