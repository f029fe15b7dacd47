// Runs Python programs in one Pyodide: a program as a JSON text on each line of stdin, what it printed as a JSON text
// on each line of stdout.
import readline from "node:readline";
import { loadPyodide } from "pyodide";

const python = await loadPyodide();
for await (const line of readline.createInterface({ input: process.stdin })) {
  let printed = "";
  python.setStdout({ batched: (text) => (printed += `${text}\n`) });
  const globals = python.toPy({ __name__: "__main__" });
  python.runPython(JSON.parse(line), { globals });
  globals.destroy();
  process.stdout.write(`${JSON.stringify(printed)}\n`);
}
