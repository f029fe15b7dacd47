// An MCP client driven by a test: one JSON command a line on stdin, one JSON report a line on stdout.
//
//   {"do": "connect", "url": URL, "version": null | "2026-07-28"}   reports {"connected": {...}} or {"failed": TEXT}
//   {"do": "tools"}                                                 reports {"tools": [...]}
//   {"do": "call", "id": N, "tool": NAME, "arguments": {...}}       reports {"id": N, "progress": {...}} as it comes
//                                                                   and {"id": N, "result": {...} } or "error"
//   {"do": "cancel", "id": N}                                       gives up a call
//
// The client checks each result against the tool's output schema by itself.
import readline from "node:readline";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const report = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const calls = new Map();
let client;

async function connect({ url, version }) {
  const options = version ? { versionNegotiation: { mode: { pin: version } } } : {};
  client = new Client({ name: "learnflow-tests", version: "1" }, options);
  const transport = new StreamableHTTPClientTransport(new URL(url));
  try {
    await client.connect(transport);
    report({ connected: { server: client.getServerVersion(), session: Boolean(transport.sessionId) } });
  } catch (error) {
    report({ failed: String(error) });
  }
}

async function call({ id, tool, arguments: values }) {
  const controller = new AbortController();
  calls.set(id, controller);
  const options = { signal: controller.signal, onprogress: (progress) => report({ id, progress }) };
  try {
    report({ id, result: await client.callTool({ name: tool, arguments: values }, options) });
  } catch (error) {
    report({ id, error: String(error) });
  }
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  switch (command.do) {
    case "connect":
      await connect(command);
      break;
    case "tools":
      report({ tools: (await client.listTools()).tools });
      break;
    case "call":
      void call(command);
      break;
    case "cancel":
      calls.get(command.id).abort("not wanted any more");
      break;
    default:
      throw new Error(`unknown command ${command.do}`);
  }
}
await client?.close();
