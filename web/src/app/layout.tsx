import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";
import { PageTitle } from "@/components/PageTitle";
import { Shell } from "@/components/Shell";
import { EARLY_SCRIPT } from "@/components/theme";
import "@/styles/base.css";
import "@/styles/shell.css";
import "@/styles/workspace.css";
import "@/styles/pages.css";

export const metadata: Metadata = {
  description: "A Python tutor that explains, runs, reviews and lets you practise.",
};
export const viewport: Viewport = { width: "device-width", initialScale: 1, colorScheme: "light dark" };

export default function Layout({ children }: { children: ReactNode }) {
  return (
    // The early script sets the theme on it before React looks.
    <html lang="en" suppressHydrationWarning>
      <head>
        <script dangerouslySetInnerHTML={{ __html: EARLY_SCRIPT }} />
      </head>
      <body>
        <PageTitle />
        <Shell>{children}</Shell>
      </body>
    </html>
  );
}
