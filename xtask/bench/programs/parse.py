import json
import re

LINE = re.compile(r"(\d+)-(\w+) \[(\w+)\] (.*)")
rows = []
for n in range(6_000):
    match = LINE.match(f"{n}-user{n % 97} [info] value={n * 7 % 1013};text=abc{n}")
    rows.append({"id": int(match[1]), "user": match[2], "fields": dict(p.split("=") for p in match[4].split(";"))})
text = json.dumps(rows)
print(len(text), sum(int(row["fields"]["value"]) for row in json.loads(text)))
