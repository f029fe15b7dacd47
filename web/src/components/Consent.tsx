"use client";

import { useEffect, useRef, useState } from "react";
import { put } from "@/api/client";
import { sentenceOf } from "@/api/problem";
import { setAccount } from "@/api/session";
import type { Account } from "@/generated/api";
import { useTranslate } from "@/i18n";

/** Records whether a student's messages may go to a language model. */
export async function decide(llm: boolean): Promise<void> {
  setAccount({ llm: await put("/api/me/consent", { llm }) });
}

/** Asks once, before a language model could be used. Both answers leave a working tutor. */
export function Consent({ account }: { account: Account }) {
  const t = useTranslate();
  const dialog = useRef<HTMLDialogElement>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const open = account.llm.offered && account.llm.consent === null;

  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);

  const answer = (llm: boolean) => {
    decide(llm).catch((error: unknown) => setProblem(sentenceOf(error)));
  };
  return (
    // Closing without an answer is no consent; the question comes again.
    <dialog ref={dialog} className="dialog" aria-labelledby="consent-title" data-testid="consent">
      <h2 id="consent-title">{t("consent.title")}</h2>
      <p>{t("consent.what")}</p>
      <p>{t("consent.otherwise")}</p>
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <div className="row end">
        <button type="button" className="button" onClick={() => answer(false)}>
          {t("consent.no")}
        </button>
        <button type="button" className="primary" onClick={() => answer(true)}>
          {t("consent.yes")}
        </button>
      </div>
    </dialog>
  );
}
