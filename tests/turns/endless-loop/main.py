count = 10
total = 0
while count > 0:
    total += count
print(total)
