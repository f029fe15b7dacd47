"""Compiles program.py without running it, and prints the compiler's warnings as JSON."""

import json
import warnings

with open("program.py", encoding="utf-8", newline="") as file:
    source = file.read()

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    # What is wrong is raised, so that it is reported and explained as any exception is.
    compile(source, "program.py", "exec", dont_inherit=True)

print(json.dumps([{"line": warning.lineno, "message": str(warning.message)} for warning in caught]))
