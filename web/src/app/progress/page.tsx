"use client";

import { useEffect } from "react";
import { useResource } from "@/api/resource";
import { connection } from "@/api/socket";
import { Loaded } from "@/components/Loaded";
import { useTranslate } from "@/i18n";
import { ProgressView } from "@/progress/ProgressView";

export default function Page() {
  const t = useTranslate();
  const progress = useResource("/api/progress");
  const { reload } = progress;
  useEffect(() => {
    const socket = connection();
    socket.on("mastery-update", reload);
    return () => {
      socket.off("mastery-update", reload);
    };
  }, [reload]);
  return (
    <div className="page">
      <h1>{t("nav.progress")}</h1>
      <Loaded from={progress}>{(data) => <ProgressView progress={data} own />}</Loaded>
    </div>
  );
}
