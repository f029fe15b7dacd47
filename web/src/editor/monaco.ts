/** Monaco, with what a Python editor needs and nothing else. Loaded behind the page. */
import "monaco-editor/features/bracketMatching/register.js";
import "monaco-editor/features/clipboard/register.js";
import "monaco-editor/features/codeAction/register.js";
import "monaco-editor/features/comment/register.js";
import "monaco-editor/features/contextmenu/register.js";
import "monaco-editor/features/caretOperations/register.js";
import "monaco-editor/features/cursorUndo/register.js";
import "monaco-editor/features/find/register.js";
import "monaco-editor/features/folding/register.js";
import "monaco-editor/features/gotoError/register.js";
import "monaco-editor/features/hover/register.js";
import "monaco-editor/features/indentation/register.js";
import "monaco-editor/features/linesOperations/register.js";
import "monaco-editor/features/multicursor/register.js";
import "monaco-editor/features/suggest/register.js";
import "monaco-editor/features/toggleTabFocusMode/register.js";
import "monaco-editor/features/wordHighlighter/register.js";
import "monaco-editor/features/wordOperations/register.js";
import "monaco-editor/languages/definitions/python/register.js";
import * as monaco from "monaco-editor/editor/editor.api.js";

self.MonacoEnvironment = {
  getWorker: () => new Worker(new URL("./editor.worker.ts", import.meta.url), { type: "module" }),
};

const SHARED = [
  ["comment", "5f6b7a", "8b95a7"],
  ["string", "0a6b4b", "8fd6a9"],
  ["string.escape", "0a6b4b", "8fd6a9"],
  ["number", "9a4a00", "f0b37e"],
  ["keyword", "6b2fb3", "c9a6ff"],
  ["identifier", "1b1f29", "e8ebf2"],
  ["delimiter", "4b5362", "aab2c2"],
] as const;

monaco.editor.defineTheme("learnflow-light", {
  base: "vs",
  inherit: true,
  rules: SHARED.map(([token, foreground]) => ({ token, foreground })),
  colors: {
    "editor.background": "#ffffff",
    "editor.lineHighlightBackground": "#f4f5f9",
    "editor.lineHighlightBorder": "#00000000",
    "editorLineNumber.foreground": "#6d7686",
    "editorLineNumber.activeForeground": "#1b1f29",
    "editorIndentGuide.background1": "#e9ebf0",
    "focusBorder": "#4257d6",
  },
});
monaco.editor.defineTheme("learnflow-dark", {
  base: "vs-dark",
  inherit: true,
  rules: SHARED.map(([token, , foreground]) => ({ token, foreground })),
  colors: {
    "editor.background": "#171a21",
    "editor.lineHighlightBackground": "#1e222b",
    "editor.lineHighlightBorder": "#00000000",
    "editorLineNumber.foreground": "#8a93a5",
    "editorLineNumber.activeForeground": "#e8ebf2",
    "editorIndentGuide.background1": "#262b36",
    "focusBorder": "#93a5ff",
  },
});

export { monaco };
