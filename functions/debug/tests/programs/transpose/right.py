def transpose(grid):
    height = len(grid)
    width = len(grid[0])
    turned = [[0] * height for _ in range(width)]
    for row in range(height):
        for column in range(width):
            turned[column][row] = grid[row][column]
    return turned
