def key(word):
    letters = [c for c in word.lower() if c.isalpha()]
    return "".join(sorted(letters))


def groups(words):
    found = {}
    for word in words:
        found.setdefault(key(word), []).append(word)
    return sorted(group for group in found.values() if len(group) > 1)
