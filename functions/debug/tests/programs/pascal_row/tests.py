import unittest

from pascal_row import pascal_row


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(pascal_row(0), [1])

    def test_2(self):
        self.assertEqual(pascal_row(1), [1, 1])

    def test_3(self):
        self.assertEqual(pascal_row(3), [1, 3, 3, 1])

    def test_4(self):
        self.assertEqual(pascal_row(4), [1, 4, 6, 4, 1])
