// What a page does when its connection is bad, in a real browser, against the real system.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, close, has, logIn, monaco, PASSWORD, register, until, write } from "./browser.mjs";
import { System } from "./system.mjs";
import { visitor } from "./visit.mjs";
import { Wire, withoutWebSockets } from "./wire.mjs";

const ANALYZE = "**/api/triage/analyze";
const FAULTY = "numbers = [1, 2, 3]\nprint(numbers[3])\n";

const system = new System();
const visit = visitor(system);

/** Answers a request as the gateway does when it refuses one. */
function refuse(status, detail, headers = {}) {
  const body = JSON.stringify({ status, detail });
  return (route) => route.fulfill({ status, headers, contentType: "application/problem+json", body });
}

/** Cuts a page off, until it has seen so, and connects it again. */
async function cutAndMend(page, wire) {
  await wire.cut();
  await page.getByTestId("offline").waitFor();
  wire.mend();
  await page.getByTestId("offline").waitFor({ state: "detached" });
}

test("without websockets the page polls, and everything works", async () => {
  const page = await visit();
  const polls = [];
  page.on("request", (request) => {
    if (request.url().includes("transport=polling")) polls.push(request.url());
  });
  await withoutWebSockets(page);
  await register(page, "Ivan");
  await monaco(page);
  await write(page, 'print("Hello,", input("Who? "))\n');
  await page.getByTestId("run-button").click();
  await has(page.getByTestId("terminal"), "Who?");
  await page.getByTestId("stdin").fill("Ivan");
  await page.keyboard.press("Enter");
  await has(page.getByTestId("terminal"), "Hello, Ivan");
  assert.ok(polls.length > 0);
  await close(page);
});

test("with websockets the page never polls, since a poll may reach another replica", async () => {
  const page = await visit();
  const polls = [];
  page.on("request", (request) => {
    if (request.url().includes("transport=polling")) polls.push(request.url());
  });
  await register(page, "Jean");
  await monaco(page);
  await write(page, "print(6 * 7)\n");
  await page.getByTestId("run-button").click();
  await has(page.getByTestId("terminal"), "42");
  assert.deepEqual(polls, []);
  await close(page);
});

test("an explanation that follows an answer during a cut is there afterwards", async () => {
  const page = await visit();
  const wire = await Wire.of(page);
  await register(page, "Kurt");
  await monaco(page);
  wire.lose((event, data) => event === "agent-response" && data.agent_name === "concepts");
  await write(page, FAULTY);
  await page.getByTestId("run-button").click();
  await page.getByRole("button", { name: "Ask the tutor about this error" }).click();
  await has(page.getByTestId("response-text"), /IndexError/);
  await until("the explanation is lost", () => wire.lost.length > 0);
  assert.equal(await page.locator(".follow-up").count(), 0);
  wire.lose(() => false);
  await cutAndMend(page, wire);
  await has(page.locator(".follow-up"), /Concepts Agent adds/);
  await close(page);
});

test("a turn that was missed is there after a cut, although a later one was not", async () => {
  const page = await visit();
  const wire = await Wire.of(page);
  const email = await register(page, "Lise");
  await page.getByTestId("query-input").waitFor();
  // The same student on another device.
  const other = await visit();
  await logIn(other, email, PASSWORD);
  const asks = async (text, answer) => {
    await ask(other, text);
    await has(other.locator(".turn", { hasText: text }).getByTestId("response-text"), answer);
  };
  wire.lose((event) => event === "agent-response");
  await asks("What is a tuple?", /tuple/i);
  await until("the answer is lost", () => wire.lost.length > 0);
  wire.lose(() => false);
  await asks("What is a set?", /set/i);
  await has(page.locator(".turn"), "What is a set?");
  assert.equal(await page.locator(".turn").count(), 1);
  await cutAndMend(page, wire);
  await has(page.locator(".turn"), "What is a tuple?");
  assert.deepEqual(await page.locator(".turn .question p").allInnerTexts(), ["What is a tuple?", "What is a set?"]);
  await close(other);
  await close(page);
});

test("too many messages are sent later, when the gateway wants them, and in their order", async () => {
  const page = await visit();
  await register(page, "Max");
  const tries = [];
  let limited = true;
  await page.route(ANALYZE, (route) => {
    tries.push({ text: route.request().postDataJSON().query_text, at: performance.now() });
    if (!limited) return route.fallback();
    limited = false;
    return refuse(429, "Too many requests; try again in 3 s.", { "retry-after": "3" })(route);
  });
  await ask(page, "What is a list?");
  await has(page.getByTestId("unsent"), /sent by itself at/);
  await ask(page, "What is a tuple?");
  await has(page.locator(".turn", { hasText: "What is a tuple?" }).getByTestId("response-text"), /tuple/i);
  assert.deepEqual(tries.map(({ text }) => text), ["What is a list?", "What is a list?", "What is a tuple?"]);
  assert.ok(tries[1].at - tries[0].at >= 3_000, "before the gateway wanted it");
  assert.deepEqual(await page.locator(".turn .question p").allInnerTexts(), ["What is a list?", "What is a tuple?"]);
  await close(page);
});

test("what waits outlives the page, and what was refused is not sent again by itself", async () => {
  const page = await visit();
  await register(page, "Niels");
  let tries = 0;
  await page.route(ANALYZE, (route) => {
    tries += 1;
    return refuse(422, "This message is not to be sent.")(route);
  });
  await ask(page, "A message that is refused");
  await has(page.getByTestId("unsent"), "This message is not to be sent.");
  await page.unroute(ANALYZE);
  await page.route(ANALYZE, (route) => route.abort("internetdisconnected"));
  await ask(page, "What is a set?");
  await has(page.getByTestId("unsent"), /sent by itself/);
  await page.unroute(ANALYZE);
  await page.route(ANALYZE, (route) => {
    tries += 1;
    return route.fallback();
  });
  await page.reload();
  await has(page.locator(".turn", { hasText: "What is a set?" }).locator(".answer"), /set/i);
  // One that was refused, and the one that waited.
  assert.equal(tries, 2);
  await has(page.getByTestId("unsent"), "This message is not to be sent.");
  // Its author takes it back.
  await page.getByRole("button", { name: "Take back and edit" }).click();
  assert.equal(await page.getByTestId("query-input").inputValue(), "A message that is refused");
  await page.reload();
  await page.locator(".turn", { hasText: "What is a set?" }).waitFor();
  assert.equal(await page.getByTestId("unsent").count(), 0);
  await close(page);
});

test("a solution that cannot be handed in is not lost", async () => {
  const page = await visit();
  await register(page, "Otto");
  await page.goto(`${system.url}/?exercise=swap-ends`);
  await has(page.locator("h2"), "Swap the ends");
  await monaco(page);
  const solution = "def swap_ends(items):\n    items[0], items[-1] = items[-1], items[0]\n    return items\n";
  await write(page, solution);
  // Refused: it stays in the editor, and the page says what to do.
  await page.route(ANALYZE, refuse(422, "The program is too long."));
  await page.getByTestId("hand-in").click();
  await has(page.locator(".exercise-pane .problem"), /too long.*still in the editor/);
  await has(page.getByTestId("code-editor").locator(".view-lines"), "return");
  await page.unroute(ANALYZE);
  // No connection: it waits, also while the page is closed, and the verdict comes where it was asked for.
  await page.route(ANALYZE, (route) => route.abort("internetdisconnected"));
  await page.getByTestId("hand-in").click();
  await has(page.getByTestId("hand-in-waits"), "sent by itself");
  await page.reload();
  await has(page.getByTestId("hand-in-waits"), "sent by itself");
  await page.unroute(ANALYZE);
  await has(page.getByTestId("verdict"), "Passed.");
  await has(page.locator(".submissions li"), "8/8");
  assert.equal(await page.locator(".submissions li").count(), 1);
  await close(page);
});
