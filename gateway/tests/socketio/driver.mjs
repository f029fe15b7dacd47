// Socket.IO clients driven by a test: one JSON command a line on stdin, one JSON report a line on stdout.
//
//   {"do": "connect", "socket": NAME, "url": URL, "options": {...}}   reports "connect" or "connect_error"
//   {"do": "emit", "socket": NAME, "id": N, "event": E, "args": [..]}  reports {"ack": N, "data": ..}
//   {"do": "cut", "socket": NAME}          closes the transport as a lost network does; the client reconnects
//   {"do": "disconnect", "socket": NAME}
//   {"do": "page", "socket": NAME, "urls": [..], "student": ID, "options": {...}}   a student's page, which resumes
//   {"do": "move", "socket": NAME}         the page connects to the next of its URLs
//   {"do": "crowd", "socket": NAME, "url": URL, "students": [[ID, TOKEN], ..]}      a page each; reports "joined"
//
// Whatever a socket receives is reported as {"socket": NAME, "event": E, "data": ..}. A page and a crowd report what
// they were sent when "shown" is emitted to them.
import readline from "node:readline";
import { io } from "socket.io-client";

const sockets = new Map();
const pages = new Map();
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

/** What waits for an acknowledgement fails when the connection is lost meanwhile; the next connection does it again. */
function unlessCut(socket, work) {
  work.catch((error) => {
    if (socket.connected) throw error;
  });
}

/** A page as the web app is one: it keeps answers by their turn, and asks for those after the last it has. */
class Page {
  answers = new Map();
  seq = 0;
  doubled = 0;
  connections = 0;
  place = 0;

  constructor({ urls, student, options }, onJoined) {
    Object.assign(this, { urls, student, options, onJoined });
    this.open();
  }

  open() {
    const url = this.urls[this.place % this.urls.length];
    const socket = io(url, { forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 100, ...this.options });
    let brought = new Set();
    socket.on("connect", () => {
      this.connections += 1;
      brought = new Set();
      unlessCut(socket, this.resume(socket));
    });
    socket.on("agent-response", (answer) => {
      if (brought.has(answer.query_id)) this.doubled += 1;
      brought.add(answer.query_id);
      this.keep(answer.query_id, answer.seq, answer.response_text);
    });
    this.socket = socket;
  }

  async resume(socket) {
    await socket.emitWithAck("join-student", this.student);
    for (let more = true; more; ) {
      const missed = await socket.emitWithAck("since", { seq: this.seq });
      for (const turn of missed.data.turns) {
        if (turn.status === "answered") this.keep(turn.query_id, turn.seq, turn.answer.response_text);
      }
      more = missed.data.more;
    }
    this.onJoined?.();
    this.onJoined = null;
  }

  keep(id, seq, text) {
    if (this.answers.has(id)) return;
    this.answers.set(id, { seq, text });
    // Up to here there is every answer: what comes after a gap has to be asked for again.
    const known = new Set([...this.answers.values()].map((answer) => answer.seq));
    while (known.has(this.seq + 1)) this.seq += 1;
  }

  move() {
    this.socket.disconnect();
    this.place += 1;
    this.open();
  }

  shown() {
    const texts = [...this.answers.values()].sort((a, b) => a.seq - b.seq).map((answer) => answer.text);
    return { texts, doubled: this.doubled, connections: this.connections };
  }
}

/** Many students at once. */
class Crowd {
  received = new Map();
  statuses = 0;
  refused = 0;

  constructor({ url, students }, onJoined) {
    let joined = 0;
    this.sockets = students.map(([student, token]) => {
      const socket = io(url, { forceNew: true, transports: ["websocket"], auth: { token } });
      const join = async () => {
        await socket.emitWithAck("join-student", student);
        joined += 1;
        if (joined === students.length) onJoined();
      };
      socket.on("connect", () => unlessCut(socket, join()));
      // A gateway that has too much to do says so, and the client does not try again by itself.
      socket.on("connect_error", () => {
        this.refused += 1;
        setTimeout(() => socket.connect(), 200 + Math.random() * 400);
      });
      socket.on("agent-response", (answer) => {
        const texts = this.received.get(student) ?? [];
        this.received.set(student, [...texts, answer.response_text]);
      });
      socket.on("agent-status", () => {
        this.statuses += 1;
      });
      return socket;
    });
  }

  shown() {
    const connected = this.sockets.filter((socket) => socket.connected).length;
    return { connected, refused: this.refused, statuses: this.statuses, received: Object.fromEntries(this.received) };
  }
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  const socket = sockets.get(command.socket);
  const page = pages.get(command.socket);
  const joined = () => report({ socket: command.socket, event: "joined", data: null });
  switch (command.do) {
    case "connect":
      connect(command);
      break;
    case "page":
      pages.set(command.socket, new Page(command, joined));
      break;
    case "crowd":
      pages.set(command.socket, new Crowd(command, joined));
      break;
    case "move":
      page.move();
      break;
    case "emit":
      if (command.event === "shown") report({ ack: command.id, data: page.shown() });
      else socket.emit(command.event, ...command.args, (data) => report({ ack: command.id, data }));
      break;
    case "cut":
      (socket ?? page.socket).io.engine.close();
      break;
    case "disconnect":
      socket.disconnect();
      break;
    default:
      throw new Error(`unknown command ${command.do}`);
  }
}
for (const socket of sockets.values()) socket.disconnect();
for (const page of pages.values()) for (const socket of page.sockets ?? [page.socket]) socket.disconnect();
