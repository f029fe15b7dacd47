// Socket.IO clients driven by a test: one JSON command a line on stdin, one JSON report a line on stdout.
//
//   {"do": "connect", "socket": NAME, "url": URL, "options": {...}}   reports "connect" or "connect_error"
//   {"do": "emit", "socket": NAME, "id": N, "event": E, "args": [..]}  reports {"ack": N, "data": ..}
//   {"do": "cut", "socket": NAME}          closes the transport as a lost network does; the client reconnects
//   {"do": "disconnect", "socket": NAME}
//
// Whatever a socket receives is reported as {"socket": NAME, "event": E, "data": ..}.
import readline from "node:readline";
import { io } from "socket.io-client";

const sockets = new Map();
const report = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

function connect({ socket: name, url, options }) {
  const socket = io(url, { forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 100, ...options });
  const tell = (event, data) => report({ socket: name, event, data });
  socket.on("connect", () => tell("connect", { id: socket.id, transport: socket.io.engine.transport.name }));
  socket.on("connect_error", (error) => tell("connect_error", error.message));
  socket.on("disconnect", (reason) => tell("disconnect", reason));
  socket.onAny((event, data) => tell(event, data));
  sockets.set(name, socket);
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  const socket = sockets.get(command.socket);
  switch (command.do) {
    case "connect":
      connect(command);
      break;
    case "emit":
      socket.emit(command.event, ...command.args, (data) => report({ ack: command.id, data }));
      break;
    case "cut":
      socket.io.engine.close();
      break;
    case "disconnect":
      socket.disconnect();
      break;
    default:
      throw new Error(`unknown command ${command.do}`);
  }
}
for (const socket of sockets.values()) socket.disconnect();
