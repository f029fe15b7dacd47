import unittest

from inventory_dict import restock, missing


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(restock({'a': 1}, [('a', 2), ('b', 3)], 10), {'a': 3, 'b': 3})

    def test_2(self):
        self.assertEqual(restock({'a': 9}, [('a', 5)], 10), {'a': 10})

    def test_3(self):
        self.assertEqual(missing({'b': 1, 'a': 0, 'c': 5}, 2), ['a', 'b'])

    def test_4(self):
        self.assertEqual(missing({'a': 2}, 2), [])

    def test_5(self):
        self.assertEqual((lambda s: (restock(s, [('a', 1)], 9), s)[1])({'a': 1}), {'a': 1})
