import collections
import re

text = " ".join(f"word{(i * 7919) % 1000} and-{i % 13}, more." for i in range(20_000))
counts = collections.Counter(re.findall(r"[a-z]+\d*", text))
print(counts.most_common(3), len(text.upper().split()), text.replace("word", "w").count("w"))
