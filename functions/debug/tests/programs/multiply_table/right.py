def multiply_table(size):
    table = []
    for row in range(1, size + 1):
        line = []
        for column in range(1, size + 1):
            line.append(row * column)
        table.append(line)
    return table
