def primes(limit):
    composite = bytearray(limit + 1)
    found = []
    for number in range(2, limit + 1):
        if not composite[number]:
            found.append(number)
            for multiple in range(number * number, limit + 1, number):
                composite[multiple] = 1
    return found


print(len(primes(300_000)))
