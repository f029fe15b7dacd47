"use client";

import { useTranslate } from "@/i18n";
import { dismiss, useNews } from "@/workspace/news";
import { achievementTitle } from "./achievement";
import { Icon } from "./icons";

/** An achievement, said in passing. */
export function News() {
  const t = useTranslate();
  const achievements = useNews((state) => state.achievements);
  return (
    <div role="status" className="news-place">
      {achievements.length > 0 && (
        <div className="news">
          <Icon name="star" />
          <p>
            <strong>{t("news.reached")}</strong>
            {achievements.map((id) => (
              <span key={id}>{achievementTitle(id, t)}</span>
            ))}
          </p>
          <button type="button" className="icon-button" aria-label={t("news.close")} onClick={dismiss}>
            <Icon name="cross" />
          </button>
        </div>
      )}
    </div>
  );
}
