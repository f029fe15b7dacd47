"use client";

import { useState } from "react";
import { put } from "@/api/client";
import { sentenceOf } from "@/api/problem";
import { useResource } from "@/api/resource";
import type { Class, HintTier, Policy } from "@/generated/api";
import { Loaded } from "@/components/Loaded";
import { useTranslate } from "@/i18n";
import { ClassPage } from "@/teacher/class";

/** Least first. */
const TIERS: HintTier[] = ["nudge", "pointer", "explanation", "worked-part", "full"];

export default function Page() {
  const t = useTranslate();
  return <ClassPage title={t("teacher.policy")}>{(chosen) => <Tiers key={chosen.class_id} chosen={chosen} />}</ClassPage>;
}

/** How far help may go: in general, and for single exercises. */
function Tiers({ chosen }: { chosen: Class }) {
  const t = useTranslate();
  const of = { id: chosen.class_id };
  const policy = useResource("/api/instructor/classes/{id}/policy", of);
  const bank = useResource("/api/exercises");
  const [exercise, setExercise] = useState("");
  const [said, setSaid] = useState<string | null>(null);
  const save = (changed: Policy) => { put("/api/instructor/classes/{id}/policy", changed, of).then((kept) => { policy.set(kept); setSaid(t("saved")); }, (error: unknown) => setSaid(sentenceOf(error))); };
  const select = (label: string, value: HintTier, onChange: (tier: HintTier) => void) => (
    <select aria-label={label} value={value} onChange={(event) => onChange(event.target.value as HintTier)}>{TIERS.map((tier) => <option key={tier} value={tier}>{t(`tier.${tier}`)}</option>)}</select>
  );
  return (
    <section className="card form">
      <p>{t("policy.what")}</p>
      <Loaded from={policy}>{(now) => (
        <>
          <label className="field">{t("policy.default")} {select(t("policy.default"), now.default, (tier) => save({ ...now, default: tier }))}</label>
          <h2>{t("policy.exercises")}</h2>
          {Object.keys(now.exercises).length === 0 && <p className="muted">{t("policy.exercises.none")}</p>}
          {Object.entries(now.exercises).map(([id, tier]) => (
            <div key={id} className="row"><code>{id}</code> {select(id, tier, (tier) => save({ ...now, exercises: { ...now.exercises, [id]: tier } }))}
              <button type="button" className="link" onClick={() => { const { [id]: _, ...rest } = now.exercises; save({ ...now, exercises: rest }); }}>{t("remove")}</button></div>
          ))}
          <form className="row" onSubmit={(event) => { event.preventDefault(); save({ ...now, exercises: { ...now.exercises, [exercise]: "nudge" } }); setExercise(""); }}>
            <input aria-label={t("policy.exercise")} placeholder={t("policy.exercise")} list="exercises" required value={exercise} onChange={(event) => setExercise(event.target.value)} />
            <datalist id="exercises">{bank.data?.exercises.map((one) => <option key={one.exercise_id} value={one.exercise_id}>{one.title}</option>)}</datalist>
            <button type="submit" className="button">{t("add")}</button>
          </form>
        </>
      )}</Loaded>
      <p role="status" className="muted">{said}</p>
    </section>
  );
}
