// A worker file of our own, so that the bundler makes it a script of this origin.
import "monaco-editor/editor/editor.worker.js";
