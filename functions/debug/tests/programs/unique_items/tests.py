import unittest

from unique_items import unique_items


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(unique_items([1, 2, 1, 3, 2]), [1, 2, 3])

    def test_2(self):
        self.assertEqual(unique_items([]), [])

    def test_3(self):
        self.assertEqual(unique_items(["a", "a"]), ["a"])
