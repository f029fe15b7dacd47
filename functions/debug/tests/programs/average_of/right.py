def average_of(numbers):
    if not numbers:
        return 0
    total = 0
    for number in numbers:
        total += number
    return total / len(numbers)
