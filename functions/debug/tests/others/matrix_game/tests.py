import unittest

from matrix_game import winner


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(winner(['xxx', 'oo ', '   ']), 'x')

    def test_2(self):
        self.assertEqual(winner(['ox ', 'ox ', 'o  ']), 'o')

    def test_3(self):
        self.assertEqual(winner(['x o', ' xo', 'o x']), 'x')

    def test_4(self):
        self.assertEqual(winner(['x o', ' ox', 'o x']), 'o')

    def test_5(self):
        self.assertEqual(winner(['   ', '   ', '   ']), None)
