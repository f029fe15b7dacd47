"use client";

import { usePathname } from "next/navigation";
import { useTranslate } from "@/i18n";
import type { MessageKey } from "@/i18n/catalogue";

const TITLES: Record<string, MessageKey> = {
  "/": "nav.learn",
  "/progress": "nav.progress",
  "/history": "nav.history",
  "/account": "nav.account",
  "/teacher": "teacher.overview",
  "/teacher/alerts": "teacher.alerts",
  "/teacher/errors": "teacher.errors",
  "/teacher/exercises": "teacher.exercises",
  "/teacher/policy": "teacher.policy",
  "/teacher/notes": "teacher.notes",
  "/teacher/student": "column.student",
  "/operator": "nav.operator",
};

/** The title of the page, in the reader's language; it is in the exported page as well. */
export function PageTitle() {
  const t = useTranslate();
  const path = usePathname().replace(/\/$/, "") || "/";
  return <title>{t("shell.title", { page: t(TITLES[path] ?? "missing.title") })}</title>;
}
