def size(folder):
    total = 0
    for entry in folder:
        if isinstance(entry, list):
            total += size(entry)
        else:
            total += entry
    return total


def deepest(folder):
    best = 0
    for entry in folder:
        if isinstance(entry, list):
            best = max(best, deepest(entry))
    return best + 1
