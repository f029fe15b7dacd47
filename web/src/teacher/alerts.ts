/** How many students are stuck, as a teacher sees it on every page. */
import { create } from "zustand";
import { get } from "@/api/client";
import { ask, connection } from "@/api/socket";

/** `open` is `null` before the first answer; `news` counts what was heard of, so that a page knows when to look again. */
export const useAlerts = create<{ open: number | null; news: number }>(() => ({ open: null, news: 0 }));

/** Asks how many alerts are open: after an event, which only says that there is one, and after one was resolved. */
export function countAlerts(): void {
  get("/api/instructor/alerts", { state: "open" }).then(
    ({ alerts }) => useAlerts.setState(({ news }) => ({ open: alerts.length, news: news + 1 })),
    // The number stays as it was; the next event or connection asks again.
    () => undefined,
  );
}

/** Joins the rooms of all classes that one teaches, and of the students who are in none. */
export function joinInstructors(): void {
  // Cut meanwhile: the next connection joins again.
  ask("join-instructors").then(countAlerts, () => undefined);
}

/** Listens on behalf of a teacher; returns what ends it. */
export function watchAlerts(): () => void {
  const socket = connection();
  socket.on("connect", joinInstructors);
  if (socket.connected) joinInstructors();
  socket.on("student-struggle", countAlerts);
  // A colleague may have resolved one meanwhile; there is no event for that.
  window.addEventListener("focus", countAlerts);
  return () => {
    socket.off("connect", joinInstructors);
    socket.off("student-struggle", countAlerts);
    window.removeEventListener("focus", countAlerts);
    useAlerts.setState({ open: null });
  };
}
