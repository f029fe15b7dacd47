// A browser that asks and waits: a plan as JSON on stdin, what it measured as JSON on stdout.
//
//   {url, tokens, messages_a_student, seconds, kinds: [{kind, query}]}
//   {latencies_ms: {KIND: [..]}, failures: [..]}
import { io } from "socket.io-client";

const pieces = [];
for await (const piece of process.stdin) pieces.push(piece);
const plan = JSON.parse(Buffer.concat(pieces).toString());

const WARM_UP = 30;
const DEADLINE_MS = 30_000;
// Nobody asks again within the milliseconds in which the turn before is still being written down.
const READING_MS = 200;

/** A student's page: connected, and in the student's room. */
async function open(token) {
  const socket = io(plan.url, { forceNew: true, transports: ["websocket"], auth: { token } });
  await new Promise((done, fail) => {
    socket.once("connect", done);
    socket.once("connect_error", fail);
  });
  const subject = JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString()).sub;
  const joined = await socket.emitWithAck("join-student", subject);
  if (!joined.ok) throw new Error(JSON.stringify(joined));
  return socket;
}

/** Milliseconds from sending a message to having its answer. */
function ask(socket, query) {
  return new Promise((done, fail) => {
    const answers = new Map();
    let turn = null;
    const end = (result) => {
      clearTimeout(late);
      socket.off("agent-response", answered);
      socket.off("query-failed", failed);
      typeof result === "number" ? done(result) : fail(result);
    };
    const late = setTimeout(() => end(new Error(`no answer to ${JSON.stringify(query)}`)), DEADLINE_MS);
    // The answer may be here before the acknowledgement that names the turn.
    const settle = () => {
      if (turn !== null && answers.has(turn)) end(answers.get(turn) - sent);
    };
    const answered = (answer) => {
      if (!answers.has(answer.query_id)) answers.set(answer.query_id, performance.now());
      settle();
    };
    const failed = (failure) => end(new Error(JSON.stringify(failure)));
    socket.on("agent-response", answered);
    socket.on("query-failed", failed);
    const sent = performance.now();
    socket.emit("submit-query", query, (ack) => {
      if (!ack.ok) return end(new Error(JSON.stringify(ack)));
      turn = ack.data.query_id;
      settle();
    });
  });
}

const latencies_ms = Object.fromEntries(plan.kinds.map(({ kind }) => [kind, []]));
const failures = [];
let socket = null;
let sent = 0;
let student = 0;
async function next(query) {
  if (socket === null || sent >= plan.messages_a_student) {
    socket?.disconnect();
    if (student >= plan.tokens.length) return null;
    socket = await open(plan.tokens[student++]);
    sent = 0;
  }
  sent += 1;
  return ask(socket, query);
}

for (let turn = 0; turn < WARM_UP; turn++) await next(plan.kinds[turn % plan.kinds.length].query);
const end = performance.now() + plan.seconds * 1000;
measure: while (performance.now() < end && failures.length === 0) {
  for (const { kind, query } of plan.kinds) {
    try {
      const latency = await next(query);
      if (latency === null) break measure;
      latencies_ms[kind].push(latency);
      await new Promise((done) => setTimeout(done, READING_MS));
    } catch (error) {
      failures.push(String(error));
      break;
    }
  }
}
socket?.disconnect();
process.stdout.write(JSON.stringify({ latencies_ms, failures }));
