def find_index(items, wanted):
    for index in range(len(items)):
        if items[index] == wanted:
            return index
    return -1
