VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}


def to_number(roman):
    total = 0
    for i in range(len(roman)):
        value = VALUES[roman[i]]
        if i + 1 < len(roman) and value < VALUES[roman[i + 1]]:
            total -= value
        else:
            total += value
    return total
