// What operators see and do, in a real browser, against the real system.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { accessible, ask, close, has, looks, register, until } from "./browser.mjs";
import { CHECKOUT, System } from "./system.mjs";
import { visitor } from "./visit.mjs";

const system = new System();
const visit = visitor(system);

async function operator() {
  const page = await visit();
  system.role(await register(page, "Mary Operator"), "admin");
  await page.goto(`${system.url}/operator`);
  return page;
}

/** An event as the catalogue has it, without its payload: nobody can handle it, and nobody tries twice. */
async function sendBroken() {
  const examples = join(CHECKOUT, "crates/events/examples");
  const question = readdirSync(examples).find((name) => name.includes("query.submitted"));
  const event = JSON.parse(readFileSync(join(examples, question), "utf8"));
  const response = await fetch(system.brokerUrl, {
    method: "POST",
    headers: { "content-type": "application/cloudevents+json" },
    body: JSON.stringify({ ...event, id: randomUUID(), data: { ...event.data, payload: {} } }),
  });
  assert.equal(response.status, 202);
}

test("an operator sees how the agents are, what waits, and what the model costs", async () => {
  const student = await visit();
  await register(student, "Ada");
  await ask(student, "What is a list?");
  await has(student.getByTestId("response-text"), /list/i);
  const page = await operator();
  const concepts = page.locator("tr", { hasText: "Concepts Agent" });
  await has(concepts, "at work");
  assert.equal(await concepts.locator("td").nth(2).innerText(), "1");
  await has(page.locator("section", { hasText: "Lag" }), "wait for triage");
  await has(page.locator("section", { hasText: "Dead letters" }), "Everything was delivered");
  await looks(page, "operator");
  await page.getByRole("combobox", { name: "Language" }).selectOption("de");
  await has(page.locator("h1"), "Betrieb");
  assert.equal(await page.title(), "Betrieb · LearnFlow");
  await accessible(page, "operator in German");
  await close(student);
  await close(page);
});

test("a dead letter is seen and replayed", async () => {
  await sendBroken();
  const page = await operator();
  const letters = page.locator("section", { has: page.getByRole("heading", { name: "Dead letters" }) });
  const letter = letters.locator("li");
  await letter.first().waitFor();
  await letter.locator("summary").first().click();
  await has(letter.locator("pre"), "payload");
  await looks(page, "operator-dead-letter");
  const replayed = page.waitForResponse((response) => response.url().endsWith("/replay"));
  await letter.getByRole("button", { name: "Replay" }).first().click();
  assert.equal((await replayed).status(), 202);
  // It is as broken as before and comes back as the same letter, never as a second one.
  await letters.getByRole("checkbox", { name: "Only those not replayed" }).uncheck();
  await letter.first().waitFor();
  assert.equal(await letter.count(), 1);
  await letters.getByRole("searchbox").fill("no such event");
  await has(letters, "Everything was delivered");
  await close(page);
});

test("dead letters beyond the first page are seen too", async () => {
  for (let sent = 0; sent < 55; sent += 1) await sendBroken();
  const page = await operator();
  const letters = page.locator("section", { has: page.getByRole("heading", { name: "Dead letters" }) });
  // All of them have come: more than a page has.
  await until("55 dead letters", async () => {
    await page.reload();
    await letters.locator("li").first().waitFor();
    const more = letters.getByRole("button", { name: "More" });
    if ((await more.count()) === 0) return false;
    const before = await letters.locator("li").count();
    assert.equal(before, 50);
    await more.click();
    await letters.locator("li").nth(before).waitFor();
    await more.waitFor({ state: "detached" });
    return (await letters.locator("li").count()) >= 55;
  });
  await close(page);
});
