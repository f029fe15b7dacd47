def moves(disks, source, target, spare):
    if disks == 0:
        return []
    before = moves(disks - 1, source, spare, target)
    after = moves(disks - 1, spare, target, source)
    return before + [(source, target)] + after


def count(disks):
    return len(moves(disks, "a", "c", "b"))
