"use client";

import { Children, isValidElement, type ReactNode, useState } from "react";
import ReactMarkdown from "react-markdown";
import remarkGfm from "remark-gfm";
import { post } from "@/api/client";
import { sentenceOf } from "@/api/problem";
import type { RunReport } from "@/generated/api";
import { useTranslate } from "@/i18n";
import { load } from "@/workspace/program";
import { highlighted } from "./highlight";
import { Icon } from "./icons";

const PLUGINS = [remarkGfm];

/** An answer. HTML in it is shown as text, images are not loaded, and links open elsewhere: it may be a model's. */
export default function Markdown({ text, runnable = true, lang }: { text: string; runnable?: boolean; /** What the text is written in, where that is known. */ lang?: string }) {
  return (
    <div className="markdown" lang={lang}>
      <ReactMarkdown
        remarkPlugins={PLUGINS}
        disallowedElements={["img"]}
        components={{
          pre: ({ children }) => <Block runnable={runnable}>{children}</Block>,
          a: ({ children, href }) => (
            <a href={href} target="_blank" rel="noreferrer noopener">
              {children}
            </a>
          ),
          // Below the page's own headings.
          h1: ({ children }) => <h3>{children}</h3>,
          h2: ({ children }) => <h3>{children}</h3>,
          h3: ({ children }) => <h3>{children}</h3>,
          table: ({ children }) => (
            <div className="table-scroll" tabIndex={0} role="group">
              <table>{children}</table>
            </div>
          ),
        }}
      >
        {text}
      </ReactMarkdown>
    </div>
  );
}

/** A fenced block; Python can be run on the spot. */
function Block({ children, runnable }: { children: ReactNode; runnable: boolean }) {
  const element = Children.toArray(children).find(isValidElement<{ className?: string; children?: ReactNode }>);
  const code = String(element?.props.children ?? "").replace(/\n$/, "");
  const language = /language-(\w+)/.exec(element?.props.className ?? "")?.[1];
  const python = language === "python" || language === "py";
  return python ? (
    <PythonBlock code={code} runnable={runnable} />
  ) : (
    <pre className="code-block" tabIndex={0}>
      <code>{code}</code>
    </pre>
  );
}

function PythonBlock({ code, runnable }: { code: string; runnable: boolean }) {
  const t = useTranslate();
  const [output, setOutput] = useState<{ text: string; failed: boolean } | "running" | null>(null);
  const [copied, setCopied] = useState(false);
  const run = async () => {
    setOutput("running");
    try {
      const report = await post("/api/code/run", { code });
      const text = `${report.stdout}${report.stderr}`;
      setOutput({ text: text || t("code.silent"), failed: report.outcome !== "ok" && report.outcome !== "exited" });
    } catch (error) {
      setOutput({ text: sentenceOf(error), failed: true });
    }
  };
  const copy = async () => {
    await navigator.clipboard?.writeText(code);
    setCopied(true);
    setTimeout(() => setCopied(false), 1_500);
  };
  return (
    <figure className="code-figure">
      <pre className="code-block" tabIndex={0}>
        <code dangerouslySetInnerHTML={{ __html: highlighted(code) }} />
      </pre>
      <div className="code-tools">
        {runnable && (
          <>
            <button type="button" onClick={() => void run()} disabled={output === "running"}>
              <Icon name="play" /> {t("code.run")}
            </button>
            <button type="button" onClick={() => load(`${code}\n`)}>
              <Icon name="editor" /> {t("code.open")}
            </button>
          </>
        )}
        <button type="button" onClick={() => void copy()}>
          <Icon name="copy" /> {copied ? t("code.copied") : t("code.copy")}
        </button>
      </div>
      {output && (
        <pre className={`code-output${output !== "running" && output.failed ? " is-failed" : ""}`} role="status">
          {output === "running" ? t("code.running") : output.text}
        </pre>
      )}
    </figure>
  );
}
