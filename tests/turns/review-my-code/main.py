import os

def AddAll(numbers=[]):
    s = 0
    for i in range(len(numbers)):
        s = s + numbers[i]
    if s == None:
        return 0
    return s

print(AddAll([1, 2, 3]))
