import unittest

from add_to_list import add_score, best_scores


class Tests(unittest.TestCase):
    def test_1(self):
        self.assertEqual(add_score(1), [1])

    def test_2(self):
        self.assertEqual(add_score(2), [2])

    def test_3(self):
        self.assertEqual(add_score(3, [1]), [1, 3])

    def test_4(self):
        self.assertEqual(add_score(5) + add_score(6), [5, 6])

    def test_5(self):
        self.assertEqual(best_scores([("a", 1), ("a", 3), ("b", 2)]), {"a": 3, "b": 2})

    def test_6(self):
        self.assertEqual(best_scores([("a", 5), ("a", 2)]), {"a": 5})
