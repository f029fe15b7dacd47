// `up --demo`: every page has something to show.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { close, has, launch, logIn, looks, monaco, open } from "./browser.mjs";
import { System } from "./system.mjs";

const system = new System();
let browser;
let password;
let logins;
before(async () => {
  await system.start("--demo");
  const filled = performance.now();
  const [, teacher, admin] = await system.line(/^demo\s+(\S+) \(teacher\), (\S+) \(admin\)/);
  const [, student, secret] = await system.line(/^\s+(\S+) \(student\); the password of all is (\S+)/);
  console.log(`the demo's fortnight took ${((performance.now() - filled) / 1000).toFixed(1)} s`);
  logins = { teacher, admin, student };
  password = secret;
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await system.remove();
});

test("a student has a conversation, progress over time and achievements", async () => {
  const page = await open(browser, system.url);
  await logIn(page, logins.student, password);
  await monaco(page);
  await page.locator(".turn").first().waitFor();
  await looks(page, "demo-learn");
  await page.goto(`${system.url}/progress`);
  await page.locator(".curve .line").waitFor();
  assert.ok((await page.locator(".achievements li").count()) > 0);
  assert.ok((await page.locator(".next-list li").count()) > 0);
  await looks(page, "demo-progress");
  await page.goto(`${system.url}/history`);
  await page.locator(".found article").nth(5).waitFor();
  await looks(page, "demo-history");
  await close(page);
});

test("a teacher has a class of thirty, alerts, errors, and what the course says", async () => {
  const page = await open(browser, system.url);
  await logIn(page, logins.teacher, password);
  await page.goto(`${system.url}/teacher`);
  await page.locator("#students ~ .table-scroll tbody tr").nth(29).waitFor();
  await page.locator(".heat td.level-4, .heat td.level-3").first().waitFor();
  await looks(page, "demo-teacher");
  for (const [path, something] of [["alerts", "[data-testid=alert]"], ["errors", "section.card"], ["policy", ".card select"], ["notes", "main .card"], ["exercises", "main .card"]]) {
    await page.goto(`${system.url}/teacher/${path}`);
    await page.locator(something).first().waitFor();
    await looks(page, `demo-teacher-${path}`);
  }
  await page.goto(`${system.url}/teacher/alerts`);
  await page.getByTestId("alert").first().getByRole("link").first().click();
  await page.locator(".timeline li").nth(5).waitFor();
  await has(page.locator(".module-row"), "%");
  await looks(page, "demo-teacher-student");
  await close(page);
});

test("an operator sees that all agents were at work", async () => {
  const page = await open(browser, system.url);
  await logIn(page, logins.admin, password);
  await page.goto(`${system.url}/operator`);
  await has(page.locator("table").first(), "Debug Agent");
  await looks(page, "demo-operator");
  await close(page);
});
