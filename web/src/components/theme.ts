/** Dark or light: what the reader chose, or what the system says. */
import { create } from "zustand";

export type Choice = "system" | "light" | "dark";
const STORED = "learnflow-theme";

export const useTheme = create<{ choice: Choice; dark: boolean }>(() => ({ choice: "system", dark: false }));

/** The same decision before the first paint, as a script in the page: no flash of the other theme. */
export const EARLY_SCRIPT = `try{var c=localStorage.getItem("${STORED}");var d=c?c==="dark":matchMedia("(prefers-color-scheme: dark)").matches;document.documentElement.dataset.theme=d?"dark":"light"}catch(e){}`;

export function startTheme(): () => void {
  const media = window.matchMedia("(prefers-color-scheme: dark)");
  const stored = localStorage.getItem(STORED);
  const choice: Choice = stored === "dark" || stored === "light" ? stored : "system";
  const follow = () => {
    const { choice } = useTheme.getState();
    apply(choice, choice === "system" ? media.matches : choice === "dark");
  };
  useTheme.setState({ choice });
  follow();
  media.addEventListener("change", follow);
  return () => media.removeEventListener("change", follow);
}

export function setTheme(choice: Choice): void {
  if (choice === "system") localStorage.removeItem(STORED);
  else localStorage.setItem(STORED, choice);
  apply(choice, choice === "system" ? window.matchMedia("(prefers-color-scheme: dark)").matches : choice === "dark");
}

function apply(choice: Choice, dark: boolean): void {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  useTheme.setState({ choice, dark });
}
