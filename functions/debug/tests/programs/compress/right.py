def compress(text):
    if not text:
        return ""
    result = ""
    count = 1
    for index in range(1, len(text)):
        if text[index] == text[index - 1]:
            count += 1
        else:
            result += text[index - 1] + str(count)
            count = 1
    return result + text[-1] + str(count)
