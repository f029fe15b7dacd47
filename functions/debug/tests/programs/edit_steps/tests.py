import unittest

from edit_steps import edit_steps


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(edit_steps("", "abc"), 3)

    def test_2(self):
        self.assertEqual(edit_steps("cat", "cut"), 1)

    def test_3(self):
        self.assertEqual(edit_steps("cat", "cat"), 0)

    def test_4(self):
        self.assertEqual(edit_steps("ab", "b"), 1)

    def test_5(self):
        self.assertEqual(edit_steps("kit", "sitt"), 2)
