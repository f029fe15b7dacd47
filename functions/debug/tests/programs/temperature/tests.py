import unittest

from temperature import to_fahrenheit, to_celsius, warm_days


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(to_fahrenheit(0), 32)

    def test_2(self):
        self.assertEqual(to_fahrenheit(100), 212)

    def test_3(self):
        self.assertEqual(to_celsius(212), 100)

    def test_4(self):
        self.assertEqual(to_celsius(32), 0)

    def test_5(self):
        self.assertEqual(warm_days([10, 30], 60), 1)

    def test_6(self):
        self.assertEqual(warm_days([], 5), 0)
