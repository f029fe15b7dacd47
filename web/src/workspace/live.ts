/** Events of the connection, handed to whoever keeps their state. */
import { ask, connection } from "@/api/socket";
import type { Account } from "@/generated/api";
import { onDelta, onFailed, onLog, onResponse, resume } from "./conversation";
import { announce } from "./news";
import { onCut, onOutput } from "./program";

/** How long to wait before asking again for what was missed, where the gateway refused. */
const RETRY_MS = 3_000;

/** Listens on behalf of a student; returns what ends it. */
export function listen(account: Account): () => void {
  const socket = connection();
  let again: ReturnType<typeof setTimeout> | undefined;
  const joined = () => {
    clearTimeout(again);
    // Events may have been missed while nobody listened: join first, then ask, so that none falls between.
    void ask("join-student", account.user_id)
      .then(resume)
      .catch(() => {
        // Cut again: the next connection does it. Otherwise the gateway had too much to do.
        if (socket.connected) again = setTimeout(joined, RETRY_MS);
      });
  };
  socket.on("connect", joined);
  if (socket.connected) joined();
  socket.on("disconnect", onCut);
  socket.on("agent-log", onLog);
  socket.on("response-delta", onDelta);
  socket.on("agent-response", onResponse);
  socket.on("query-failed", onFailed);
  socket.on("code-output", onOutput);
  socket.on("mastery-update", announce);
  return () => {
    clearTimeout(again);
    socket.off("connect", joined);
    socket.off("disconnect", onCut);
    socket.off("agent-log", onLog);
    socket.off("response-delta", onDelta);
    socket.off("agent-response", onResponse);
    socket.off("query-failed", onFailed);
    socket.off("code-output", onOutput);
    socket.off("mastery-update", announce);
  };
}
