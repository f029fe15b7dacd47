def fibonacci(n):
    first, second = 0, 1
    for _ in range(n):
        first, second = second, first + second
    return first
