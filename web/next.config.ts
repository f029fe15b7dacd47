import type { NextConfig } from "next";

const config: NextConfig = {
  // The gateway serves the export; there is no Node.js where it runs.
  output: "export",
  // Inline scripts hold it, and the gateway allows inline scripts by their hash: the same sources must give the same page.
  generateBuildId: () => "learnflow",
  images: { unoptimized: true },
  reactStrictMode: true,
  poweredByHeader: false,
  devIndicators: false,
};

export default config;
