def caesar(text, shift):
    result = ""
    for letter in text:
        if letter.isalpha():
            start = ord("a") if letter.islower() else ord("A")
            result += chr((ord(letter) - start + shift) % 26 + start)
        else:
            result += letter
    return result
