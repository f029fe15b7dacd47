KEYS = {"2": "abc", "3": "def", "4": "ghi", "5": "jkl", "6": "mno", "7": "pqrs", "8": "tuv", "9": "wxyz"}


def digits(word):
    code = ""
    for letter in word.lower():
        for key, letters in KEYS.items():
            if letter in letters:
                code += key
                break
        else:
            code += letter
    return code


def matches(number, words):
    return [word for word in words if digits(word) == number]
