"use client";

import { useEffect } from "react";
import { useSession } from "@/api/session";
import { useTranslate } from "@/i18n";
import { Chat } from "./Chat";
import { open as openConversation } from "./conversation";
import { openExercise, useWork } from "./exercise";
import { ExercisePane } from "./ExercisePane";
import { open as openProgram, useProgram } from "./program";
import { ProgramPane } from "./ProgramPane";

/** The student's page: the tutor beside the editor. */
export function Workspace() {
  const t = useTranslate();
  const userId = useSession((state) => state.account?.user_id);
  const { pane, phone } = useWork();
  useEffect(() => {
    if (!userId) return;
    openProgram(userId);
    void openConversation(userId);
    // A link to an exercise opens it; otherwise the one that was open stays.
    const wanted = new URLSearchParams(location.search).get("exercise");
    const { exerciseId } = useProgram.getState();
    if (wanted) void openExercise(wanted);
    else if (exerciseId) void openExercise(exerciseId);
  }, [userId]);
  return (
    <div className={`workspace shows-${phone}`}>
      <h1 className="visually-hidden">{t("nav.learn")}</h1>
      <div className="phone-switch" role="group" aria-label={t("phone.label")}>
        {(["talk", "code"] as const).map((which) => (
          <button key={which} type="button" aria-pressed={phone === which} onClick={() => useWork.setState({ phone: which })}>{t(`phone.${which}`)}</button>
        ))}
      </div>
      <div className="talk">
        <div className="tabs" role="group" aria-label={t("pane.label")}>
          {(["tutor", "exercise"] as const).map((which) => (
            <button key={which} type="button" aria-pressed={pane === which} onClick={() => useWork.setState({ pane: which })}>{t(`pane.${which}`)}</button>
          ))}
        </div>
        {pane === "tutor" ? <Chat /> : <ExercisePane />}
      </div>
      <ProgramPane />
    </div>
  );
}
