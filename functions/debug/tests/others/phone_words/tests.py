import unittest

from phone_words import digits, matches


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(digits('Hello'), '43556')

    def test_2(self):
        self.assertEqual(digits('a b'), '2 2')

    def test_3(self):
        self.assertEqual(digits(''), '')

    def test_4(self):
        self.assertEqual(matches('228', ['cat', 'bat', 'dog']), ['cat', 'bat'])

    def test_5(self):
        self.assertEqual(digits('Z9'), '99')

    def test_6(self):
        self.assertEqual(matches('2281', ['cat']), [])
