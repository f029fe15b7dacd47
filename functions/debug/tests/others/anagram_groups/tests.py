import unittest

from anagram_groups import groups


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(groups(['tea', 'eat', 'bat']), [['tea', 'eat']])

    def test_2(self):
        self.assertEqual(groups(['Dog', 'god']), [['Dog', 'god']])

    def test_3(self):
        self.assertEqual(groups(['a', 'b']), [])

    def test_4(self):
        self.assertEqual(groups(['a-b', 'ba', 'x', 'X']), [['a-b', 'ba'], ['x', 'X']])
