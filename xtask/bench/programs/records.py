import json

records = [{"id": i, "name": f"student {i}", "marks": [(i * k) % 101 for k in range(20)]} for i in range(3_000)]
again = json.loads(json.dumps(records))
best = sorted(again, key=lambda r: (-sum(r["marks"]), r["name"]))[:3]
print([r["id"] for r in best])
