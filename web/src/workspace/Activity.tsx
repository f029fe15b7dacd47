"use client";

import { useTranslate } from "@/i18n";
import { agentName } from "./agents";
import { type LogEntry, useConversation } from "./conversation";

/** What the agents do for the newest message, as it happens. */
export function Activity() {
  const t = useTranslate();
  const log = useConversation((state) => state.log);
  const words = ({ agent, what }: LogEntry): string => {
    switch (what.kind) {
      case "analyzing":
        return t("log.analyzing");
      case "routing":
        return what.to === "out-of-scope" ? t("log.out-of-scope") : t("log.routing", { agent: agentName(what.to, t) });
      case "answering":
        return agent === "code-runner" ? t("log.running") : t("log.answering");
      case "answered":
        return what.ms === null ? t("log.answered") : t("log.answered.ms", { ms: what.ms });
      case "failed":
        return t("log.failed");
      case "said":
        return what.text;
    }
  };
  const busy = log.length > 0 && !["answered", "failed"].includes(log.at(-1)?.what.kind ?? "");
  return (
    <div role="log" aria-label={t("log.label")} data-testid="agent-log">
    <ol className={`activity${busy ? " is-busy" : ""}`}>
      {log
        // Out of scope: triage answers itself, and "answering" of nobody would only confuse.
        .filter(({ agent, what }) => !(what.kind === "answering" && agent === "out-of-scope"))
        .map((entry) => (
          <li key={`${entry.agent}-${entry.what.kind}-${"text" in entry.what ? entry.what.text : ""}`}>
            <span className="activity-agent">{agentName(entry.agent, t)}:</span> {words(entry)}
          </li>
        ))}
    </ol>
    </div>
  );
}
