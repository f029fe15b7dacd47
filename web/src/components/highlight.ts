import hljs from "highlight.js/lib/core";
import python from "highlight.js/lib/languages/python";

hljs.registerLanguage("python", python);

/** Python as highlighted HTML; everything in it is escaped. */
export function highlighted(code: string): string {
  return hljs.highlight(code, { language: "python", ignoreIllegals: true }).value;
}
