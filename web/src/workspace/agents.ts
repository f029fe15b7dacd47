import { isKey, type Translate } from "@/i18n";

/** What an agent is called. */
export function agentName(agent: string, t: Translate): string {
  const key = `agent.${agent}`;
  return isKey(key) ? t(key) : agent;
}
