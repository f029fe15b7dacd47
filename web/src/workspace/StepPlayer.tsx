"use client";

import { useLayoutEffect, useMemo, useRef, useState } from "react";
import { Icon, type IconName } from "@/components/icons";
import { useTranslate } from "@/i18n";
import { goTo, useProgram } from "./program";
import { type HeapObject, type Memory, memoryAt, refOf, type Value, written } from "./trace";

/** Plays recorded steps: frames on the left, the objects that they lead to on the right, arrows between them. */
export function StepPlayer() {
  const t = useTranslate();
  const { trace, step } = useProgram();
  const memory = useMemo(() => (trace ? memoryAt(trace, step) : null), [trace, step]);
  if (!trace || !memory) return <p className="muted pad">{t("steps.empty")}</p>;
  const last = trace.steps.length - 1;
  const where = t("steps.at", { step: step + 1, total: last + 1, line: memory.step.line });
  const buttons: { icon: IconName; text: string; to: number }[] = [
    { icon: "first", text: t("steps.first"), to: 0 },
    { icon: "back", text: t("steps.back"), to: step - 1 },
    { icon: "next", text: t("steps.forward"), to: step + 1 },
    { icon: "last", text: t("steps.last"), to: last },
  ];
  return (
    <div className="steps" data-testid="step-player">
      <div className="steps-bar">
        {buttons.map(({ icon, text, to }) => (
          <button key={icon} type="button" className="icon-button" aria-label={text} title={text} disabled={to < 0 || to > last || to === step} onClick={() => goTo(to)}>
            <Icon name={icon} />
          </button>
        ))}
        <input type="range" min={0} max={last} value={step} aria-label={t("steps.slider")} aria-valuetext={where} onChange={(event) => goTo(Number(event.target.value))} />
        <span className="small" data-testid="step-position">{where}</span>
      </div>
      <p className="steps-event" role="status">{event(memory, t)}{step === last && trace.cut ? ` ${t("steps.cut")}` : ""}</p>
      <Picture memory={memory} />
      {memory.printed && <pre className="steps-printed" aria-label={t("run.output")} tabIndex={0}>{memory.printed}</pre>}
    </div>
  );
}

function event({ step }: Memory, t: ReturnType<typeof useTranslate>): string {
  switch (step.event) {
    case "line": return t("steps.line", { line: step.line });
    case "call": return t("steps.call");
    case "return": return step.value === undefined ? t("steps.return") : t("steps.return.value", { value: refOf(step.value) === null ? written(step.value) : "…" });
    case "exception": return `${step.error?.type ?? ""}: ${step.error?.message ?? ""}`;
  }
}

interface Arrow { key: string; path: string }

function Picture({ memory }: { memory: Memory }) {
  const t = useTranslate();
  const place = useRef<HTMLDivElement>(null);
  const [arrows, setArrows] = useState<Arrow[]>([]);
  useLayoutEffect(() => {
    const root = place.current;
    if (!root) return;
    const draw = () => {
      const origin = root.getBoundingClientRect();
      const found: Arrow[] = [];
      for (const from of root.querySelectorAll<HTMLElement>("[data-ref]")) {
        const to = root.querySelector<HTMLElement>(`[data-object="${from.dataset.ref}"]`);
        if (!to) continue;
        const a = from.getBoundingClientRect();
        const b = to.getBoundingClientRect();
        const x1 = a.left + a.width / 2 - origin.left + root.scrollLeft;
        const y1 = a.top + a.height / 2 - origin.top + root.scrollTop;
        const x2 = b.left - origin.left - 3 + root.scrollLeft;
        const y2 = b.top + 12 - origin.top + root.scrollTop;
        const bend = Math.max(24, Math.abs(x2 - x1) / 2);
        found.push({ key: `${x1},${y1},${from.dataset.ref}`, path: `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}` });
      }
      setArrows(found);
    };
    draw();
    const watch = new ResizeObserver(draw);
    watch.observe(root);
    return () => watch.disconnect();
  }, [memory]);
  return (
    <div className="memory" ref={place} tabIndex={0} role="group" aria-label={t("steps.memory")}>
      <div className="frames">
        {memory.frames.map(({ frame, name, vars }, at) => (
          <table key={frame} className={at === memory.frames.length - 1 ? "frame is-active" : "frame"}>
            <caption>{name === "<module>" ? t("steps.global") : `${name}()`}</caption>
            <tbody>
              {[...vars].map(([name, value]) => (
                <tr key={name}><th scope="row">{name}</th><td><Slot value={value} heap={memory.heap} /></td></tr>
              ))}
            </tbody>
          </table>
        ))}
      </div>
      <div className="objects">
        {[...memory.heap].map(([number, object]) => (
          <div key={number} className="object" data-object={number}>
            <p>{"type" in object && object.type ? object.type : object.kind}</p>
            <Inside object={object} heap={memory.heap} />
          </div>
        ))}
      </div>
      <svg className="arrows" aria-hidden="true">
        <defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" /></marker></defs>
        {arrows.map(({ key, path }) => <path key={key} d={path} markerEnd="url(#tip)" />)}
      </svg>
    </div>
  );
}

/** A value, or the start of an arrow; a screen reader hears what the arrow leads to. */
function Slot({ value, heap }: { value: Value; heap: Map<number, HeapObject> }) {
  const ref = refOf(value);
  if (ref === null) return <code>{written(value)}</code>;
  const object = heap.get(ref);
  return <span className="ref" data-ref={ref}><span className="visually-hidden">{`→ ${object?.kind ?? ""} ${ref}`}</span></span>;
}

function Inside({ object, heap }: { object: HeapObject; heap: Map<number, HeapObject> }) {
  if ("items" in object) {
    const indexed = object.kind === "list" || object.kind === "tuple";
    return (
      <div className="cells">
        {object.items.map((item, at) => (
          <span key={at} className="cell">{indexed && <span className="cell-index">{at}</span>}<Slot value={item} heap={heap} /></span>
        ))}
        {object.length > object.items.length && <span className="cell">… {object.length}</span>}
      </div>
    );
  }
  const rows = "entries" in object ? object.entries.map(({ key, value }) => [key, value] as const) : null;
  if (rows) return <table><tbody>{rows.map(([key, value], at) => <tr key={at}><th scope="row"><Slot value={key} heap={heap} /></th><td><Slot value={value} heap={heap} /></td></tr>)}</tbody></table>;
  if ("fields" in object) return <table><tbody>{object.fields.map(({ name, value }) => <tr key={name}><th scope="row">{name}</th><td><Slot value={value} heap={heap} /></td></tr>)}</tbody></table>;
  return <code>{"name" in object ? object.name : "text" in object ? object.text : ""}</code>;
}
