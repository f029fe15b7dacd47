// How soon a page is there and can be used, as Lighthouse measures it: `npm run lighthouse [-- RUNS]`.
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import lighthouse from "lighthouse";
import { LAUNCH, register } from "./browser.mjs";
import { CHECKOUT, freePort, System } from "./system.mjs";

const RUNS = Number(process.argv[2] ?? 5);
/** One run in eight fails for reasons of Lighthouse's own. */
const TRIES = 3;
/** As this machine is, and as Lighthouse imagines a middling phone on a slow network. */
const DEVICES = {
  desktop: {
    formFactor: "desktop",
    throttlingMethod: "provided",
    screenEmulation: { mobile: false, width: 1440, height: 900, deviceScaleFactor: 1, disabled: false },
  },
  phone: { formFactor: "mobile", throttlingMethod: "simulate" },
};
const MEASURES = {
  "first-contentful-paint": "FCP, ms",
  "largest-contentful-paint": "LCP, ms",
  interactive: "TTI, ms",
  "total-blocking-time": "TBT, ms",
  "total-byte-weight": "KB in all",
};

async function measure(url, port, device) {
  const flags = { port, output: "json", logLevel: "error", onlyCategories: ["performance"], disableStorageReset: true, ...DEVICES[device] };
  let failure;
  for (let tried = 0; tried < TRIES; tried += 1) {
    const { lhr } = await lighthouse(url, flags);
    failure = lhr.runtimeError?.message;
    const { score } = lhr.categories.performance;
    if (failure || score === null) continue;
    const values = Object.keys(MEASURES).map((id) => lhr.audits[id].numericValue / (id === "total-byte-weight" ? 1000 : 1));
    return [score * 100, ...values];
  }
  throw new Error(`Lighthouse cannot measure ${url}: ${failure}`);
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

const system = new System();
const profile = mkdtempSync(join(CHECKOUT, "target/lighthouse-"));
let context;
try {
  await system.start();
  const port = await freePort();
  // Lighthouse opens a tab of its own in the same profile, so that it is logged in.
  context = await chromium.launchPersistentContext(profile, { ...LAUNCH, args: [...LAUNCH.args, `--remote-debugging-port=${port}`] });
  console.log(`| page | device | score | ${Object.values(MEASURES).join(" | ")} |`);
  console.log(`|---|---|${"---|".repeat(1 + Object.keys(MEASURES).length)}`);
  const report = async (page) => {
    for (const device of Object.keys(DEVICES)) {
      const runs = [];
      while (runs.length < RUNS) runs.push(await measure(`${system.url}/`, port, device));
      const medians = runs[0].map((_, at) => Math.round(median(runs.map((run) => run[at]))));
      console.log(`| ${page} | ${device} | ${medians.join(" | ")} |`);
    }
  };
  await report("welcome");
  const page = await context.newPage();
  await page.goto(system.url);
  await register(page, "Margaret Hamilton");
  await page.close();
  await report("student");
} finally {
  await context?.close();
  await system.remove();
  rmSync(profile, { recursive: true, force: true });
}
