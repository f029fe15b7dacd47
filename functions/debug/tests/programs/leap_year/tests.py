import unittest

from leap_year import is_leap, days_in_year


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertTrue(is_leap(2024))

    def test_2(self):
        self.assertFalse(is_leap(1900))

    def test_3(self):
        self.assertTrue(is_leap(2000))

    def test_4(self):
        self.assertFalse(is_leap(2023))

    def test_5(self):
        self.assertEqual(days_in_year(2024), 366)

    def test_6(self):
        self.assertEqual(days_in_year(2100), 365)
