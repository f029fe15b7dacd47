def insertion(items):
    result = list(items)
    for end in range(1, len(result)):
        value = result[end]
        place = end
        while place > 0 and result[place - 1] > value:
            result[place] = result[place - 1]
            place -= 1
        result[place] = value
    return result
