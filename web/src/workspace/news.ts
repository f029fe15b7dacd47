/** Small good news: achievements as they are reached. */
import { create } from "zustand";
import type { MasteryUpdated } from "@/generated/events";

export const useNews = create<{ achievements: string[] }>(() => ({ achievements: [] }));

export function announce(event: MasteryUpdated): void {
  const reached = event.achievements ?? [];
  if (reached.length > 0) useNews.setState(({ achievements }) => ({ achievements: [...achievements, ...reached] }));
}

export function dismiss(): void {
  useNews.setState({ achievements: [] });
}
