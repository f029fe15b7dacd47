import unittest

from queue_class import use


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(use(2, [1, 2, 3]), (1, 1))

    def test_2(self):
        self.assertEqual(use(3, []), (None, 0))

    def test_3(self):
        self.assertEqual(use(1, ["a", "b"]), ("a", 0))

    def test_4(self):
        self.assertEqual(use(5, [4, 5]), (4, 1))
