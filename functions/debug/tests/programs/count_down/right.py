def count_down(start):
    steps = []
    while start > 0:
        steps.append(start)
        start -= 1
    steps.append("go")
    return steps
