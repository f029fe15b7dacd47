import unittest

from deep_flatten import deep_flatten


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(deep_flatten([1, [2, [3]]]), [1, 2, 3])

    def test_2(self):
        self.assertEqual(deep_flatten([]), [])

    def test_3(self):
        self.assertEqual(deep_flatten([[[]], 5]), [5])
