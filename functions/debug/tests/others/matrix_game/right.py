def winner(board):
    lines = [row for row in board]
    for column in range(3):
        lines.append([board[row][column] for row in range(3)])
    lines.append([board[i][i] for i in range(3)])
    lines.append([board[i][2 - i] for i in range(3)])
    for line in lines:
        if line[0] != " " and line.count(line[0]) == 3:
            return line[0]
    return None
