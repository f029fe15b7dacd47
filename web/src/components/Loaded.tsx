"use client";

import type { ReactNode } from "react";
import type { Resource } from "@/api/resource";
import { useTranslate } from "@/i18n";

/** What was loaded, or a sentence about why it is not there, with a way to try again. Never an empty page. */
export function Loaded<T>({ from, children }: { from: Resource<T>; children: (data: T) => ReactNode }) {
  const t = useTranslate();
  return (
    <>
      {from.error && (
        <p className="problem" role="alert">
          {from.error}{" "}
          <button type="button" className="link" onClick={from.reload}>
            {t("again")}
          </button>
        </p>
      )}
      {from.loading && <p className="muted" role="status">{t("loading")}</p>}
      {from.data !== null && children(from.data)}
    </>
  );
}
