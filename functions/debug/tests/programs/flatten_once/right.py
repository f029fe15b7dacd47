def flatten_once(rows):
    flat = []
    for row in rows:
        for cell in row:
            flat.append(cell)
    return flat
