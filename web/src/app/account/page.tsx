"use client";

import { type FormEvent, useEffect, useState } from "react";
import { download, get, post, remove } from "@/api/client";
import { sentenceOf } from "@/api/problem";
import { useResource } from "@/api/resource";
import { forget, setAccount, useSession } from "@/api/session";
import { decide } from "@/components/Consent";
import { Loaded } from "@/components/Loaded";
import { useTranslate } from "@/i18n";

/** Classes, consent, and one's data. */
export default function Page() {
  const t = useTranslate();
  const account = useSession((state) => state.account);
  const classes = useResource("/api/classes");
  const quotas = useResource("/api/me/quotas");
  const [code, setCode] = useState("");
  const [sure, setSure] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => { get("/api/me").then(setAccount, () => undefined); }, []);
  if (!account) return null;
  const attempt = (work: Promise<unknown>) => { setProblem(null); work.catch((error: unknown) => setProblem(sentenceOf(error))); };
  const join = (event: FormEvent) => {
    event.preventDefault();
    attempt(post("/api/classes/join", { code }).then(() => { setCode(""); classes.reload(); }));
  };
  return (
    <div className="page">
      <h1>{t("nav.account")}</h1>
      {problem && <p className="problem" role="alert">{problem}</p>}
      <div className="columns">
        <section className="card">
          <h2>{t("account.classes")}</h2>
          <Loaded from={classes}>{({ classes: mine }) => (mine.length === 0 ? <p className="muted">{t("account.classes.none")}</p> : (
            <ul className="plain-list">
              {mine.map((one) => (
                <li key={one.class_id} className="row">{one.name} {one.role === "student" && <button type="button" className="link" onClick={() => attempt(remove("/api/classes/{id}/members/{user_id}", { id: one.class_id, user_id: account.user_id }).then(classes.reload))}>{t("account.leave")}</button>}</li>
              ))}
            </ul>
          ))}</Loaded>
          {account.role !== "student" && <p className="small">{t("account.id")} <code>{account.user_id}</code></p>}
          <form className="row wrap" onSubmit={join}>
            <input aria-label={t("account.code")} placeholder={t("account.code")} value={code} required maxLength={20} onChange={(event) => setCode(event.target.value)} />
            <button type="submit" className="button">{t("account.join")}</button>
          </form>
        </section>
        <section className="card">
          <h2>{t("account.privacy")}</h2>
          <label className="check"><input type="checkbox" checked={account.llm.consent === true} onChange={(event) => attempt(decide(event.target.checked))} /> {t("consent.now")}</label>
          <p className="muted small">{t("consent.what")}</p>
          <Loaded from={quotas}>{({ runs, tokens }) => <p className="small">{t("account.quota", { runs: runs.remaining, runsLimit: runs.limit, tokens: tokens.remaining, tokensLimit: tokens.limit })}</p>}</Loaded>
        </section>
        <section className="card">
          <h2>{t("account.data")}</h2>
          <p className="muted">{t("account.data.what")}</p>
          <div className="row wrap">
            <button type="button" className="button" onClick={() => attempt(download("/api/me/export", "learnflow-data.zip"))}>{t("account.export")}</button>
            <button type="button" className="button" onClick={() => setSure(true)}>{t("account.delete")}</button>
          </div>
          {sure && (
            <p className="problem" role="alert">{t("account.sure")}{" "}
              <button type="button" className="danger" onClick={() => attempt(post("/api/me/delete", { confirm: true }).then(forget))}>{t("account.delete.yes")}</button>{" "}
              <button type="button" className="button" onClick={() => setSure(false)}>{t("cancel")}</button>
            </p>
          )}
        </section>
      </div>
    </div>
  );
}
