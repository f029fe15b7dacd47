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
  // A page is not all there is, and does not pretend to be.
  await has(page.getByRole("status"), "The newest 20 messages; there are more.");
  await page.getByRole("button", { name: "More" }).click();
  await page.locator(".found article").nth(20).waitFor();
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
  const shown = [
    ["alerts", "[data-testid=alert]", "the same error again and again"],
    ["errors", "section.card h2", /IndexError \d+ times, \d+ students/],
    ["policy", ".card code", "swap-ends"],
    ["notes", "article.card", "How we write loops"],
    ["exercises", "main .plain-list li", /The school's bus.*verified/],
  ];
  for (const [path, place, words] of shown) {
    await page.goto(`${system.url}/teacher/${path}`);
    await has(page.locator(place), words);
    await looks(page, `demo-teacher-${path}`);
  }
  await page.goto(`${system.url}/teacher/alerts`);
  await page.getByTestId("alert-badge").waitFor();
  await page.getByRole("combobox", { name: "Whose alerts" }).selectOption({ label: "Students in no class" });
  await has(page.getByTestId("alert"), "Mila");
  await page.getByRole("combobox", { name: "Whose alerts" }).selectOption({ label: "All my students" });
  await page.getByRole("button", { name: "Resolved", exact: true }).click();
  await page.getByTestId("alert").first().waitFor();
  await page.getByRole("button", { name: "Open", exact: true }).click();
  await has(page.getByTestId("alert"), "Mark as resolved");
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
  const letters = page.locator("section", { has: page.getByRole("heading", { name: "Dead letters" }) });
  await has(letters.locator("li"), "learnflow.query.submitted.v1");
  // The answers of the fortnight are older than the hour that the agents' table is about; the lag is of now.
  await has(page.locator("section", { hasText: "Lag" }), "learnflow");
  await looks(page, "demo-operator");
  await close(page);
});
