/** The Socket.IO connection: one for the page, logged in as long as the session is. */
import { io, type Socket } from "socket.io-client";
import { create } from "zustand";
import { say } from "@/i18n";
import { Problem } from "./problem";
import { accessToken, onToken, refresh, useSession } from "./session";
import { traceparent } from "./trace";

/** Longest wait for an acknowledgement; then the gateway counts as away. */
const ACK_MS = 15_000;

export const useConnection = create<{ connected: boolean; everConnected: boolean }>(() => ({
  connected: false,
  everConnected: false,
}));

let socket: Socket | null = null;

/** The connection, opened when it is first needed. */
export function connection(): Socket {
  socket ??= open();
  return socket;
}

function open(): Socket {
  const opened = io({
    // Polling is for networks that let no websocket through. Its session lives in one process of the gateway, so it needs
    // a balancer that keeps a browser with one; a websocket does not.
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    // The token is asked for at each connect, since the one before may have expired meanwhile.
    auth: (send) => {
      accessToken().then(
        (token) => send({ token: token ?? "" }),
        () => send({ token: "" }),
      );
    },
    reconnectionDelay: 300,
    reconnectionDelayMax: 3_000,
  });
  opened.on("connect", () => useConnection.setState({ connected: true, everConnected: true }));
  opened.on("disconnect", (reason) => {
    useConnection.setState({ connected: false });
    // The client comes back by itself from everything but this.
    if (reason === "io server disconnect") void reconnect(opened);
  });
  opened.on("connect_error", () => {
    // `active` says that the client tries again by itself; a refused login it does not.
    if (!opened.active) void reconnect(opened);
  });
  onToken((token) => {
    if (opened.connected) opened.emit("authenticate", { token }, () => undefined);
  });
  return opened;
}

/** Logs in again and connects; waits while the gateway is away. */
async function reconnect(socket: Socket): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  if (useSession.getState().status === "out") return;
  try {
    if (await refresh()) socket.connect();
  } catch {
    await reconnect(socket);
  }
}

/** Closes the connection: somebody logged out. */
export function hangUp(): void {
  socket?.disconnect();
  socket = null;
  useConnection.setState({ connected: false, everConnected: false });
}

/** Emits an event that starts work, with a trace after its data: an event has no headers. Resolves as {@link ask} does. */
export function begin<T>(event: string, data: unknown): Promise<T> {
  return emit<T>(event, data, traceparent());
}

/** Emits an event and resolves with what the gateway acknowledges. */
export function ask<T>(event: string, data?: unknown): Promise<T> {
  return data === undefined ? emit<T>(event) : emit<T>(event, data);
}

async function emit<T>(event: string, ...data: unknown[]): Promise<T> {
  const socket = connection();
  let reply: { ok: true; data: T } | { ok: false; problem: Record<string, unknown> };
  try {
    reply = await socket.timeout(ACK_MS).emitWithAck(event, ...data);
  } catch {
    throw Problem.unreachable();
  }
  if (reply.ok) return reply.data;
  const { status, detail } = reply.problem;
  throw new Problem(Number(status) || 500, String(detail ?? say("problem.refused")), null, reply.problem);
}
