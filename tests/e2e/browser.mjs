// A real Chromium and what every test does with it.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";
import { CHECKOUT } from "./system.mjs";

const SHOTS = join(CHECKOUT, "target/e2e-screenshots");
/** Longest wait for anything: a busy machine is slow, and a test that waits less would fail for that. */
export const PATIENCE_MS = 60_000;
const PHONE = { width: 390, height: 844 };
const MOST_TABS = 80;
/** Of everybody who is registered here. */
export const PASSWORD = "a quiet word of mine";

/** The distribution's Chromium. Its own sandbox does not work for root; the pages are ours. */
export const LAUNCH = {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
};

export async function launch() {
  mkdirSync(SHOTS, { recursive: true });
  return chromium.launch(LAUNCH);
}

/** A page in a context of its own, where nothing is half-way between two colours. What breaks on it, or reaches for another origin, is collected in `faults`. */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-GB", reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(String(error)));
  page.on("console", (message) => {
    if (/Content Security Policy|hydrat/i.test(message.text())) page.faults.push(message.text());
  });
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (/^(http|ws)/.test(protocol) && origin.replace(/^ws/, "http") !== url) page.faults.push(`foreign: ${request.url()}`);
  });
  await page.goto(url);
  return page;
}

let accounts = 0;

/** Registers somebody new and waits for the student's page. Returns the e-mail address. */
export async function register(page, name) {
  accounts += 1;
  const email = `${name.toLowerCase().replaceAll(" ", ".")}.${accounts}@example.org`;
  await page.locator("[name=name]").fill(name);
  await page.locator("[name=email]").fill(email);
  await page.locator("[name=password]").fill(PASSWORD);
  await page.locator("form button[type=submit]").click();
  await page.getByTestId("query-input").waitFor();
  return email;
}

/** Logs somebody in and waits for the student's page. */
export async function logIn(page, email, password) {
  await tryToLogIn(page, email, password);
  await page.getByTestId("query-input").waitFor();
}

/** Fills in the form for logging in and sends it. */
export async function tryToLogIn(page, email, password) {
  await page.getByRole("button", { name: "Log in" }).click();
  await page.locator("[name=email]").fill(email);
  await page.locator("[name=password]").fill(password);
  await page.locator("form button[type=submit]").click();
}

/** Sends a message to the tutor. */
export async function ask(page, text) {
  await page.getByTestId("query-input").fill(text);
  await page.getByTestId("submit-button").click();
}

/** Replaces the program in the editor, whichever editor it is. */
export async function write(page, code) {
  const editor = page.getByTestId("code-editor");
  if ((await editor.getAttribute("data-editor")) === "plain") {
    await editor.locator("textarea").fill(code);
    return;
  }
  await editor.locator(".view-lines").click();
  await page.keyboard.press("Control+A");
  await page.keyboard.press("Delete");
  // Pasted, since the editor adds indentation of its own to what is typed.
  await page.evaluate((text) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", text);
    document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
  }, code);
}

export async function monaco(page) {
  await page.locator("[data-editor=monaco] .view-lines").waitFor();
}

/** Fails on anything that axe calls serious or critical. */
export async function accessible(page, where) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  assert.deepEqual(
    grave.map(({ id, nodes }) => `${where}: ${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" | ")}`),
    [],
  );
}

/** Waits for a text. */
export async function has(locator, text) {
  await locator.filter({ hasText: text }).first().waitFor({ timeout: PATIENCE_MS });
}

/** Waits for something that no page shows. */
export async function until(what, isSo) {
  const end = performance.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (performance.now() > end) assert.fail(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Closes a page on which nothing broke. */
export async function close(page) {
  assert.deepEqual(page.faults, []);
  await page.context().close();
}

/** A page as everybody may see it: light, dark, and on a phone in both. Accessible in each, and no wider than the phone. */
export async function looks(page, name) {
  const desktop = page.viewportSize();
  await accessible(page, name);
  await shot(page, name, { fullPage: true });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.locator("html[data-theme=dark]").waitFor();
  await accessible(page, `${name}, dark`);
  await shot(page, `${name}-dark`, { fullPage: true });
  await page.emulateMedia({ colorScheme: "light" });
  await page.locator("html[data-theme=light]").waitFor();
  await page.setViewportSize(PHONE);
  await accessible(page, `${name}, phone`);
  await shot(page, `${name}-phone`, { fullPage: true });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${name}: ${wide} px wider than a phone`);
  await page.emulateMedia({ colorScheme: "dark" });
  await page.locator("html[data-theme=dark]").waitFor();
  await accessible(page, `${name}, phone, dark`);
  await page.emulateMedia({ colorScheme: "light" });
  await page.locator("html[data-theme=light]").waitFor();
  await page.setViewportSize(desktop);
}

/** Presses Tab, or Shift+Tab, until something has the focus: what a keyboard cannot reach is not there for everybody. */
export async function tabTo(page, locator, key = "Tab") {
  await locator.waitFor();
  for (let presses = 0; presses < MOST_TABS; presses += 1) {
    if (await locator.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press(key);
  }
  assert.fail(`${locator} cannot be reached by ${key}`);
}

/** What the page offers for saving when it is asked to. */
export async function saved(page, press) {
  const [download] = await Promise.all([page.waitForEvent("download"), press()]);
  const pieces = [];
  for await (const piece of await download.createReadStream()) pieces.push(piece);
  return { name: download.suggestedFilename(), content: Buffer.concat(pieces) };
}

export function shot(page, name, options = {}) {
  return page.screenshot({ path: join(SHOTS, `${name}.jpg`), type: "jpeg", quality: 70, ...options });
}
