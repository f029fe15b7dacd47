/** Messages in the reader's language. */
import { create } from "zustand";
import { CATALOGUE, type MessageKey } from "./catalogue";

/** The languages, in the order of a message's texts in the catalogue. */
export const LANGUAGES = [
  { language: "en", name: "English" },
  { language: "de", name: "Deutsch" },
] as const;
export type Language = (typeof LANGUAGES)[number]["language"];
/** What answers, exercises and explanations are written in, whatever language the pages are in. */
export const TUTORS_LANGUAGE = "en" satisfies Language;
const STORED = "learnflow-language";

export const useLanguage = create<{ language: Language }>(() => ({ language: "en" }));

/** Takes over the language that was chosen before, or the browser's. */
export function startLanguage(): void {
  const wanted = localStorage.getItem(STORED) ?? navigator.language.slice(0, 2);
  const known = LANGUAGES.find(({ language }) => language === wanted);
  if (known) apply(known.language);
}

export function setLanguage(language: Language): void {
  localStorage.setItem(STORED, language);
  apply(language);
}

function apply(language: Language): void {
  document.documentElement.lang = language;
  useLanguage.setState({ language });
}

export type Values = Record<string, string | number>;
export type Translate = (key: MessageKey, values?: Values) => string;

/** The message of a key. `{name}` stands for a value; of `one | many` the value `n` chooses. */
export function translate(language: Language, key: MessageKey, values: Values = {}): string {
  let message: string = CATALOGUE[key][language === "de" ? 1 : 0];
  if (typeof values.n === "number" && message.includes(" | ")) {
    const [one = "", many = one] = message.split(" | ");
    message = new Intl.PluralRules(language).select(values.n) === "one" ? one : many;
  }
  return message.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? new Intl.NumberFormat(language).format(value) : value;
  });
}

/** The message in the language of the moment, for what is said outside of a component. */
export const say: Translate = (key, values) => translate(useLanguage.getState().language, key, values);

export function useTranslate(): Translate {
  const language = useLanguage((state) => state.language);
  return (key, values) => translate(language, key, values);
}

/** Whether a text is the key of a message: for names that come from the server (agents, outcomes). */
export function isKey(key: string): key is MessageKey {
  return Object.hasOwn(CATALOGUE, key);
}

/** Dates as the reader writes them. */
export function useDates(): Record<"when" | "day" | "ago", (at: string) => string> & { time: (at: number) => string } {
  const language = useLanguage((state) => state.language);
  return {
    when: (at) => new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(at)),
    day: (at) => new Intl.DateTimeFormat(language, { day: "numeric", month: "short" }).format(new Date(at)),
    time: (at) => new Intl.DateTimeFormat(language, { timeStyle: "medium" }).format(at),
    ago: (at) => ago(language, (new Date(at).getTime() - Date.now()) / 1000),
  };
}

function ago(language: Language, seconds: number): string {
  const format = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [
    ["day", 86_400],
    ["hour", 3_600],
    ["minute", 60],
  ];
  for (const [unit, length] of steps) {
    if (Math.abs(seconds) >= length) return format.format(Math.round(seconds / length), unit);
  }
  return format.format(0, "minute");
}
