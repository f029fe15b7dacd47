def second_smallest(numbers):
    ordered = sorted(set(numbers))
    if len(ordered) < 2:
        return None
    return ordered[1]
