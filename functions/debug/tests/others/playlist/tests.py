import unittest

from playlist import play


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(play([65, 200], 3), (['s0 1:05', 's1 3:20', 's0 1:05'], 265))

    def test_2(self):
        self.assertEqual(play([], 1), (['None'], 0))

    def test_3(self):
        self.assertEqual(play([60], 1), (['s0 1:00'], 60))

    def test_4(self):
        self.assertEqual(play([1, 2, 3], 4), (['s0 0:01', 's1 0:02', 's2 0:03', 's0 0:01'], 6))
