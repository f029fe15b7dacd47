import unittest

from first_prime_factors import prime_factors


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(prime_factors(12), [2, 2, 3])

    def test_2(self):
        self.assertEqual(prime_factors(9), [3, 3])

    def test_3(self):
        self.assertEqual(prime_factors(7), [7])

    def test_4(self):
        self.assertEqual(prime_factors(1), [])

    def test_5(self):
        self.assertEqual(prime_factors(49), [7, 7])
