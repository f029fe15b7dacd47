"use client";

import { type ComponentType, useEffect, useState } from "react";
import type { Mark } from "./marks";
import PlainEditor from "./PlainEditor";

export interface EditorProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  marks: Mark[];
  /** The line that the step player is at. */
  currentLine?: number | null;
  readOnly?: boolean;
  /** What Ctrl+Enter does. */
  onRun?: () => void;
  testId?: string;
}

/** Below this width Monaco is more trouble than help. */
const WIDE = "(min-width: 760px)";

/** Monaco on wide screens once it is loaded; a plain field before, and on phones. */
export default function CodeEditor(props: EditorProps) {
  const [wide, setWide] = useState(false);
  const [Monaco, setMonaco] = useState<ComponentType<EditorProps> | null>(null);

  useEffect(() => {
    const media = window.matchMedia(WIDE);
    const follow = () => setWide(media.matches);
    follow();
    media.addEventListener("change", follow);
    return () => media.removeEventListener("change", follow);
  }, []);

  useEffect(() => {
    if (!wide || Monaco) return;
    // Behind the page: whatever the page itself needs comes first.
    const load = () => {
      // What the page has asked for up to here is its first load.
      performance.mark("editor");
      void import("./MonacoEditor").then(
        ({ default: loaded }) => setMonaco(() => loaded),
        // Offline before it was loaded: the plain field stays.
        () => undefined,
      );
    };
    if ("requestIdleCallback" in window) {
      const waiting = requestIdleCallback(load, { timeout: 2_000 });
      return () => cancelIdleCallback(waiting);
    }
    const waiting = setTimeout(load, 300);
    return () => clearTimeout(waiting);
  }, [wide, Monaco]);

  return wide && Monaco ? <Monaco {...props} /> : <PlainEditor {...props} />;
}
