def edit_steps(a, b):
    if not a:
        return len(b)
    if not b:
        return len(a)
    if a[0] == b[0]:
        return edit_steps(a[1:], b[1:])
    return 1 + min(edit_steps(a[1:], b), edit_steps(a, b[1:]), edit_steps(a[1:], b[1:]))
