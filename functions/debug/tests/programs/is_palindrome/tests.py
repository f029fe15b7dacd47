import unittest

from is_palindrome import is_palindrome


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertTrue(is_palindrome("Level"))

    def test_2(self):
        self.assertTrue(is_palindrome("A nut for a jar of tuna"))

    def test_3(self):
        self.assertFalse(is_palindrome("python"))

    def test_4(self):
        self.assertTrue(is_palindrome(""))

    def test_5(self):
        self.assertFalse(is_palindrome("abca"))
