def bubble(items):
    items = items[:]
    for last in range(len(items) - 1, 0, -1):
        for index in range(last):
            if items[index] > items[index + 1]:
                items[index], items[index + 1] = items[index + 1], items[index]
    return items
