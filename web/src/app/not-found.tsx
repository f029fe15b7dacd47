"use client";

import Link from "next/link";
import { useTranslate } from "@/i18n";

/** What an address shows that leads nowhere. */
export default function NotFound() {
  const t = useTranslate();
  return (
    <div className="page">
      <h1>{t("missing.title")}</h1>
      <p>{t("missing.text")}</p>
      <p><Link className="button" href="/">{t("missing.home")}</Link></p>
    </div>
  );
}
