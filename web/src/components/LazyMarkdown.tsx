"use client";

import dynamic from "next/dynamic";

/** Markdown, loaded when there is something to show: the page is there before it. */
export const LazyMarkdown = dynamic(() => import("./Markdown"), { ssr: false });
