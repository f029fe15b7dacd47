// A language model writes: consent before the first call, and the answer as it is written.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { accessible, ask, close, has, logIn, looks, PASSWORD, register } from "./browser.mjs";
import { Provider } from "./provider.mjs";
import { CHECKOUT, System } from "./system.mjs";
import { visitor } from "./visit.mjs";
import { Wire } from "./wire.mjs";

const provider = await Provider.start();
const system = new System(provider.environment);
const visit = visitor(system);
after(() => provider.stop());

/** Asks with no program attached, so that the question alone is answered. */
async function asks(page, text) {
  const attach = page.getByRole("checkbox", { name: "Send my program along" });
  if (await attach.isChecked()) await attach.uncheck();
  await ask(page, text);
}

test("nothing goes to a language model before somebody said yes, nor after a no", async () => {
  const page = await visit();
  await register(page, "Grace");
  const consent = page.getByTestId("consent");
  await has(consent, "May a language model help?");
  await looks(page, "consent");
  // Closed without an answer it is no consent.
  await page.keyboard.press("Escape");
  await asks(page, "What is a generator?");
  await has(page.locator(".answer-who"), "authored");
  assert.deepEqual(await provider.asked(), []);
  // The question comes again, and a no is kept.
  await page.reload();
  await consent.getByRole("button", { name: "No, without it" }).click();
  await consent.waitFor({ state: "hidden" });
  await asks(page, "What is a decorator?");
  await has(page.locator(".turn", { hasText: "What is a decorator?" }).locator(".answer-who"), "authored");
  await page.reload();
  await page.getByTestId("query-input").waitFor();
  assert.equal(await consent.isVisible(), false);
  assert.deepEqual(await provider.asked(), []);
  await close(page);
});

test("an answer of the model is read while it is being written", async () => {
  const page = await visit();
  await register(page, "Zuleika Quint");
  await page.getByTestId("consent").getByRole("button", { name: "Yes, it may" }).click();
  await page.getByTestId("consent").waitFor({ state: "hidden" });
  const pieces = ["A tuple is ", "a sequence ", "that cannot ", "be changed."];
  await provider.next(pieces);
  await asks(page, "What is a tuple?");
  const writing = page.locator(".is-writing");
  let text = "";
  for (const piece of pieces.slice(0, -1)) {
    await provider.release(1);
    text += piece;
    await has(writing, text.trim());
    // Nothing that was not let out yet.
    assert.equal((await writing.innerText()).trim(), text.trim());
  }
  await accessible(page, "while an answer is written");
  await provider.release(1);
  await writing.waitFor({ state: "detached" });
  await has(page.getByTestId("response-text"), pieces.join(""));
  await has(page.locator(".answer-who"), "language model");
  // What was said of the student's data goes for the prompt: no name, no address.
  const [{ system: prompt, message }] = await provider.asked();
  assert.doesNotMatch(prompt + message, /Zuleika|Quint|example\.org/);
  await looks(page, "model-answer");
  await close(page);
});

test("what a course says reaches the model", async () => {
  const teacher = await visit();
  system.role(await register(teacher, "Barbara Liskov"), "teacher");
  await teacher.getByTestId("consent").getByRole("button", { name: "No, without it" }).click();
  // A page that is left at once takes its answer with it.
  await teacher.getByTestId("consent").waitFor({ state: "hidden" });
  await teacher.goto(`${system.url}/teacher`);
  await teacher.getByRole("textbox", { name: "Name of a new class" }).fill("Python with notes");
  await teacher.getByRole("button", { name: "New class" }).click();
  const code = await teacher.locator(".join-code").innerText();
  await teacher.goto(`${system.url}/teacher/notes`);
  await teacher.getByRole("textbox", { name: "Title" }).fill("Words of this course");
  await teacher.getByRole("textbox", { name: "Text" }).fill("We call an index a pigeonhole.");
  await teacher.getByRole("button", { name: "Save" }).click();
  await has(teacher.locator("article.card"), "pigeonhole");

  const student = await visit();
  await register(student, "Nancy");
  await student.getByTestId("consent").getByRole("button", { name: "Yes, it may" }).click();
  await student.getByTestId("consent").waitFor({ state: "hidden" });
  await student.goto(`${system.url}/account`);
  await student.getByRole("textbox", { name: "Join code" }).fill(code);
  await student.getByRole("button", { name: "Join a class" }).click();
  await has(student.locator(".plain-list"), "Python with notes");
  await student.goto(`${system.url}/`);
  await provider.otherwise("A list keeps values in order, each in its place.");
  await asks(student, "What is a list?");
  await has(student.getByTestId("response-text"), "each in its place");
  const asked = await provider.asked();
  assert.ok(asked.some(({ message }) => message.includes("pigeonhole")), JSON.stringify(asked.at(-1)));
  await close(student);
  await close(teacher);
});

/** What triage decided about a turn, without the question: nobody can handle it, and nobody tries twice. */
async function sendBroken(turn) {
  const event = JSON.parse(readFileSync(join(CHECKOUT, "crates/events/examples/learnflow.query.routed.v1.json"), "utf8"));
  const response = await fetch(system.brokerUrl, {
    method: "POST",
    headers: { "content-type": "application/cloudevents+json" },
    body: JSON.stringify({ ...event, id: randomUUID(), subject: turn, data: { ...event.data, payload: {} } }),
  });
  assert.equal(response.status, 202);
}

test("a turn that failed during a cut says so afterwards", async () => {
  const page = await visit();
  const wire = await Wire.of(page);
  const email = await register(page, "Hedwig");
  await page.getByTestId("consent").getByRole("button", { name: "Yes, it may" }).click();
  await page.getByTestId("consent").waitFor({ state: "hidden" });
  // The same student on another device.
  const other = await visit();
  await logIn(other, email, PASSWORD);
  // The model keeps its answer to itself, so that the turn stays open.
  await provider.next(["Never let out."]);
  const accepted = page.waitForResponse((response) => response.url().endsWith("/api/triage/analyze"));
  await asks(page, "What is a namespace?");
  const { query_id: turn } = await (await accepted).json();
  await wire.cut();
  await page.getByTestId("offline").waitFor();
  await sendBroken(turn);
  await has(other.locator(".turn .problem"), /./);
  assert.equal(await page.locator(".turn .problem").count(), 0);
  wire.mend();
  await has(page.locator(".turn .problem"), /./);
  await close(other);
  await close(page);
});
