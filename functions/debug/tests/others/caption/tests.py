import unittest

from caption import shorten


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(shorten('one two three', 7), 'one two...')

    def test_2(self):
        self.assertEqual(shorten('one two three', 13), 'one two three')

    def test_3(self):
        self.assertEqual(shorten('one two three', 12), 'one two...')

    def test_4(self):
        self.assertEqual(shorten('', 5), '')

    def test_5(self):
        self.assertEqual(shorten('hello', 3), '...')
