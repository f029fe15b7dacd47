/** The shade of a mastery in percent; `null` is nothing seen yet. */
export function levelClass(percent: number | null | undefined): string {
  if (percent === null || percent === undefined) return "level-none";
  return `level-${Math.min(4, Math.floor(percent / 20))}`;
}
