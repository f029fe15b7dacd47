// What people do with their own data, in a real browser, against the real system.
import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible, ask, close, has, looks, PASSWORD, register, saved, shot, tryToLogIn } from "./browser.mjs";
import { System } from "./system.mjs";
import { visitor } from "./visit.mjs";

const system = new System();
const visit = visitor(system);

async function asks(page, text, answer) {
  await ask(page, text);
  await has(page.getByTestId("response-text"), answer);
}

test("the history is searched by words", async () => {
  const page = await visit();
  await register(page, "Vera");
  await asks(page, "What is a tuple?", /tuple/i);
  await asks(page, "What is a dictionary?", /dictionar/i);
  await page.goto(`${system.url}/history`);
  await has(page.getByRole("status"), "2 messages");
  await page.getByRole("searchbox").fill("tuples");
  await page.getByRole("button", { name: "Search" }).click();
  await has(page.getByRole("status"), "1 message");
  await has(page.locator(".found article"), "What is a tuple?");
  await looks(page, "student-history");
  await page.getByRole("searchbox").fill("zebra");
  await page.getByRole("button", { name: "Search" }).click();
  await has(page.getByRole("status"), "0 messages");
  await close(page);
});

test("everything about oneself is taken along as a zip, and then deleted for good", async () => {
  const page = await visit();
  const email = await register(page, "Rosalind");
  await asks(page, "What is a set?", /set/i);
  await page.goto(`${system.url}/account`);
  const { name, content } = await saved(page, () => page.getByRole("button", { name: "Download my data" }).click());
  assert.equal(name, "learnflow-data.zip");
  assert.equal(content.subarray(0, 2).toString("latin1"), "PK");
  // Names are not compressed.
  for (const part of ["account.json", "tables/query_history.json"]) assert.ok(content.includes(part), part);
  await page.getByRole("button", { name: "Delete my account" }).click();
  // Next.js has an alert of its own on every page, which tells where one is.
  const warning = page.getByRole("alert").filter({ hasText: "cannot be undone" });
  await warning.waitFor();
  await accessible(page, "before the account is deleted");
  await shot(page, "student-account-delete");
  await page.getByRole("button", { name: "Cancel" }).click();
  await warning.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Delete my account" }).click();
  await page.getByRole("button", { name: "Delete everything" }).click();
  await tryToLogIn(page, email, PASSWORD);
  await has(page.getByRole("alert"), /./);
  await page.reload();
  await page.locator("[name=email]").waitFor();
  await close(page);
});
