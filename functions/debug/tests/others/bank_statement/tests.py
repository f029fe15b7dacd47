import unittest

from bank_statement import play


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(play([30, 20]), (50, 50, 0, 2))

    def test_2(self):
        self.assertEqual(play([100]), (0, 100, 0, 1))

    def test_3(self):
        self.assertEqual(play([60, 60]), (40, 60, 1, 1))

    def test_4(self):
        self.assertEqual(play([]), (100, 0, 0, 0))

    def test_5(self):
        self.assertEqual(play([200, 200]), (100, 0, 2, 0))
