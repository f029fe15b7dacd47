import unittest

from bracket_check import bracket_check


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertTrue(bracket_check("([])"))

    def test_2(self):
        self.assertFalse(bracket_check("(]"))

    def test_3(self):
        self.assertFalse(bracket_check("("))

    def test_4(self):
        self.assertFalse(bracket_check(")"))

    def test_5(self):
        self.assertTrue(bracket_check(""))
