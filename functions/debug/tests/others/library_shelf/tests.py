import unittest

from library_shelf import use


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(use([('a', 10), ('b', 20)], ['a']), ([True], 20))

    def test_2(self):
        self.assertEqual(use([('a', 10)], ['a', 'a']), ([True, False], 0))

    def test_3(self):
        self.assertEqual(use([('a', 5), ('a', 7)], ['a', 'a']), ([True, True], 0))

    def test_4(self):
        self.assertEqual(use([('x', 3)], ['y']), ([False], 3))
