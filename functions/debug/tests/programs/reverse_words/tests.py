import unittest

from reverse_words import reverse_words


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(reverse_words("one two three"), "three two one")

    def test_2(self):
        self.assertEqual(reverse_words("a"), "a")

    def test_3(self):
        self.assertEqual(reverse_words(""), "")
