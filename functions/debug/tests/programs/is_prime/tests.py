import unittest

from is_prime import is_prime


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertTrue(is_prime(2))

    def test_2(self):
        self.assertTrue(is_prime(13))

    def test_3(self):
        self.assertFalse(is_prime(1))

    def test_4(self):
        self.assertFalse(is_prime(9))

    def test_5(self):
        self.assertFalse(is_prime(0))

    def test_6(self):
        self.assertFalse(is_prime(25))

    def test_7(self):
        self.assertTrue(is_prime(97))
