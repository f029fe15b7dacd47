import unittest

from hanoi import moves, count


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(moves(1, 'a', 'c', 'b'), [('a', 'c')])

    def test_2(self):
        self.assertEqual(moves(2, 'a', 'c', 'b'), [('a', 'b'), ('a', 'c'), ('b', 'c')])

    def test_3(self):
        self.assertEqual(count(0), 0)

    def test_4(self):
        self.assertEqual(count(5), 31)
