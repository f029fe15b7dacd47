import unittest

from multiply_table import multiply_table


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(multiply_table(1), [[1]])

    def test_2(self):
        self.assertEqual(multiply_table(2), [[1, 2], [2, 4]])

    def test_3(self):
        self.assertEqual(multiply_table(0), [])

    def test_4(self):
        self.assertEqual(multiply_table(3)[2], [3, 6, 9])
