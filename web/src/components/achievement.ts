import type { Translate } from "@/i18n";
import { isKey } from "@/i18n";

/** What an achievement is called; its id is `kind` or `kind:what`. */
export function achievementTitle(id: string, t: Translate): string {
  const [kind = "", what = ""] = id.split(":");
  const key = `achievement.${kind}`;
  return isKey(key) ? t(key, { what: what.replaceAll("-", " "), n: Number(what) || 0 }) : id.replaceAll(/[-:]/g, " ");
}
