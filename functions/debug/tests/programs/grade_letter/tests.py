import unittest

from grade_letter import grade_letter, passed


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(grade_letter(90), "A")

    def test_2(self):
        self.assertEqual(grade_letter(89), "B")

    def test_3(self):
        self.assertEqual(grade_letter(75), "B")

    def test_4(self):
        self.assertEqual(grade_letter(50), "C")

    def test_5(self):
        self.assertEqual(grade_letter(49), "F")

    def test_6(self):
        self.assertEqual(passed([10, 50, 80]), [50, 80])
