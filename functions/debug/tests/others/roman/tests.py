import unittest

from roman import to_number


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(to_number('VI'), 6)

    def test_2(self):
        self.assertEqual(to_number('IV'), 4)

    def test_3(self):
        self.assertEqual(to_number('XCIX'), 99)

    def test_4(self):
        self.assertEqual(to_number('III'), 3)

    def test_5(self):
        self.assertEqual(to_number(''), 0)
