def to_fahrenheit(celsius):
    return celsius * 9 / 5 + 32


def to_celsius(fahrenheit):
    return (fahrenheit - 32) * 5 / 9


def warm_days(days, limit):
    return sum(1 for day in days if to_fahrenheit(day) > limit)
