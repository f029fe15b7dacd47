import unittest

from word_count import word_count


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(word_count("a b a"), {"a": 2, "b": 1})

    def test_2(self):
        self.assertEqual(word_count(""), {})

    def test_3(self):
        self.assertEqual(word_count("Hi, hi!"), {"hi": 2})
