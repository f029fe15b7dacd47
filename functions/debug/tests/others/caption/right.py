def shorten(text, width):
    words = text.split()
    kept = []
    length = 0
    for word in words:
        extra = len(word) + (1 if kept else 0)
        if length + extra > width:
            break
        kept.append(word)
        length += extra
    result = " ".join(kept)
    if len(kept) < len(words):
        result += "..."
    return result
