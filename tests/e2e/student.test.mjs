// What students do, in a real browser, against the real system.
import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible, ask, close, has, looks, monaco, register, shot, tabTo, until, write } from "./browser.mjs";
import { System } from "./system.mjs";
import { visitor } from "./visit.mjs";

/** First load of the student's page before the editor, compressed (issue: under 250 KB). */
const FIRST_LOAD_BYTES = 250_000;

const system = new System();
const visit = visitor(system);

test("a student asks, sees who answers, and gets the answer", async () => {
  const page = await visit();
  await page.locator("[name=name]").waitFor();
  await register(page, "Ada");
  const submitted = page.waitForRequest((request) => request.url().endsWith("/api/triage/analyze"));
  await ask(page, "Explain variables");
  // What the gateway's span of the request continues.
  assert.match((await submitted).headers().traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  await has(page.getByTestId("agent-log"), "Triage: Analyzing query");
  await has(page.getByTestId("agent-log"), "Routing to Concepts Agent");
  await has(page.getByTestId("response-text"), /variable/i);
  await page.getByRole("button", { name: "Helpful", exact: true }).click();
  await page.locator("[aria-pressed=true][aria-label=Helpful]").waitFor();
  await page.getByRole("button", { name: "Not helpful" }).click();
  await page.locator("[aria-pressed=true][aria-label='Not helpful']").waitFor();
  await page.locator("[aria-pressed=false][aria-label=Helpful]").waitFor();
  await has(page.locator(".composer"), "The tutor can be wrong.");
  // Python in an answer is highlighted runs where it stands.
  await page.locator(".answer .code-block [class^=hljs-]").first().waitFor();
  await page.locator(".code-tools button", { hasText: "Run" }).first().click();
  await page.locator(".code-output").filter({ hasNotText: "Running" }).first().waitFor();
  await monaco(page);
  await accessible(page, "answer");
  await close(page);
});

test("the first load is small, and the editor comes behind it", async () => {
  const page = await visit();
  await register(page, "Linus");
  await monaco(page);
  // Again, from an empty cache, as somebody who is logged in.
  const session = await page.context().newCDPSession(page);
  // Without the first the second holds for nothing.
  await session.send("Network.enable");
  await session.send("Network.setCacheDisabled", { cacheDisabled: true });
  await page.reload();
  await monaco(page);
  // Everything that was asked for before the editor was: the page, scripts, styles, calls, other pages fetched ahead.
  const requests = await page.evaluate(() => {
    const [editor] = performance.getEntriesByName("editor");
    return performance
      .getEntries()
      .filter(({ entryType, startTime }) => ["navigation", "resource"].includes(entryType) && startTime < editor.startTime)
      .map(({ name, transferSize }) => ({ name, transferSize }));
  });
  const bytes = requests.reduce((sum, { transferSize }) => sum + transferSize, 0);
  console.log(`first load before the editor: ${bytes} bytes in ${requests.length} requests`);
  assert.ok(requests.some(({ name }) => name.endsWith("/api/auth/refresh")), "calls are counted");
  assert.ok(bytes > 50_000 && bytes < FIRST_LOAD_BYTES, JSON.stringify(requests, null, 1));
  await close(page);
});

test("an interactive program is typed into, and an endless one is stopped", async () => {
  const page = await visit();
  await register(page, "Grace");
  await monaco(page);
  await write(page, 'name = input("Who? ")\nprint("Hello,", name)\n');
  await page.getByTestId("run-button").click();
  await has(page.getByTestId("terminal"), "Who?");
  await page.getByTestId("stdin").fill("Grace");
  await page.keyboard.press("Enter");
  await has(page.getByTestId("terminal"), "Hello, Grace");
  await has(page.getByTestId("terminal"), "Finished");
  await write(page, 'while True:\n    input("more? ")\n');
  await page.getByTestId("run-button").click();
  await has(page.getByTestId("terminal"), "more?");
  await page.getByTestId("stop-button").click();
  await has(page.getByTestId("terminal"), "Stopped by you");
  await close(page);
});

test("an error is underlined at its line and explained", async () => {
  const page = await visit();
  await register(page, "Alan");
  await monaco(page);
  await write(page, "numbers = [1, 2, 3]\nprint(numbers[3])\n");
  await page.getByTestId("run-button").click();
  await has(page.getByTestId("error-explanation"), "IndexError");
  await has(page.getByTestId("error-explanation"), "line 2");
  await page.locator(".squiggly-error").first().waitFor();
  await accessible(page, "error");
  await shot(page, "error");
  await page.getByRole("button", { name: "Ask the tutor about this error" }).click();
  await has(page.getByTestId("agent-log"), "Routing to Debug Agent");
  await has(page.getByTestId("response-text"), /IndexError/);
  await close(page);
});

test("recorded steps are played forwards and backwards", async () => {
  const page = await visit();
  await register(page, "Barbara");
  await monaco(page);
  await write(page, "scores = [3, 1]\nbest = scores\nbest.append(9)\nprint(scores)\n");
  await page.getByTestId("steps-button").click();
  await has(page.getByTestId("step-position"), "Step 1 of");
  await page.getByRole("button", { name: "Last step" }).click();
  // Two names of one object: two arrows to one list, which holds what was appended through the other name.
  await page.locator(".memory [data-object]").first().waitFor();
  assert.equal(await page.locator(".memory [data-object]").count(), 1);
  assert.equal(await page.locator(".arrows > path").count(), 2);
  assert.match(await page.locator(".cells").innerText(), /9/);
  await page.getByRole("button", { name: "First step" }).click();
  await has(page.getByTestId("step-position"), "Step 1 of");
  assert.equal(await page.locator(".memory [data-object]").count(), 0);
  await page.getByRole("button", { name: "One step forward" }).click();
  await page.getByRole("slider", { name: "Step" }).press("ArrowRight");
  await has(page.getByTestId("step-position"), "Step 3 of");
  await page.getByRole("slider", { name: "Step" }).press("ArrowLeft");
  await has(page.getByTestId("step-position"), "Step 2 of");
  await page.locator(".line-current").first().waitFor();
  await ask(page, "What does it mean that two names are one list?");
  await page.getByTestId("response-text").locator(".markdown").waitFor();
  await page.getByRole("button", { name: "Last step" }).click();
  await accessible(page, "steps");
  await shot(page, "steps");
  await close(page);
});

test("findings of a review stand at their lines", async () => {
  const page = await visit();
  await register(page, "Margaret");
  await monaco(page);
  await write(page, "import os\n\n\ndef add(item, items=[]):\n    items.append(item)\n    return items\n\n\nprint(add(1))\n");
  await page.getByTestId("review-button").click();
  await has(page.getByTestId("findings"), "line 4");
  await page.locator(".squiggly-warning").first().waitFor();
  await accessible(page, "review");
  await close(page);
});

test("a finding is mended where it stands, from the keyboard and by a button", async () => {
  const page = await visit();
  await register(page, "Annie");
  await monaco(page);
  const program = "import os\nprint(f'hello')\n";
  const lines = page.getByTestId("code-editor").locator(".view-lines");
  const review = async () => {
    await page.getByTestId("review-button").click();
    await has(page.getByTestId("findings"), "line 1");
    await page.locator(".squiggly-warning").first().waitFor();
  };
  await write(page, program);
  await review();
  await lines.click();
  await page.keyboard.press("Control+Home");
  await page.keyboard.press("Control+.");
  await page.locator(".action-widget", { hasText: "Remove unused import" }).waitFor();
  await page.keyboard.press("Enter");
  await lines.filter({ hasNotText: "import" }).waitFor();
  // The same program again, and the button beside the finding.
  await write(page, program);
  await review();
  await page.getByTestId("findings").getByRole("button", { name: "Remove unused import" }).click();
  await lines.filter({ hasNotText: "import" }).waitFor();
  await has(lines, "hello");
  await close(page);
});

test("what is written without a connection is sent when the system is back", async () => {
  const page = await visit();
  await register(page, "Edsger");
  await monaco(page);
  await system.stop();
  await page.getByTestId("offline").waitFor();
  await ask(page, "What is a dictionary?");
  await has(page.getByTestId("unsent"), "sent by itself");
  await accessible(page, "offline");
  await system.start();
  await has(page.getByTestId("response-text"), /dictionar/i);
  await page.getByTestId("offline").waitFor({ state: "detached" });
  // Once: the key of the message makes a repeated request the same turn.
  assert.equal(await page.locator(".turn").count(), 1);
  await close(page);
});

test("a phone gets a plain editor, and everything fits its width", async () => {
  const page = await visit({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await register(page, "Radia");
  await accessible(page, "phone");
  await page.locator(".phone-switch button", { hasText: "Program" }).click();
  assert.equal(await page.getByTestId("code-editor").getAttribute("data-editor"), "plain");
  await write(page, "print(6 * 7)\n");
  await page.getByTestId("run-button").click();
  await has(page.getByTestId("terminal"), "42");
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "scrolls sideways");
  await accessible(page, "phone program");
  await shot(page, "phone");
  await close(page);
});

test("every page of a student is accessible in light, dark and on a phone, also while it is empty", async () => {
  const page = await visit();
  await looks(page, "welcome");
  await page.getByRole("button", { name: "Log in" }).click();
  await accessible(page, "log in");
  await page.getByRole("button", { name: "Create an account" }).click();
  await register(page, "Katherine");
  await monaco(page);
  for (const path of ["/", "/progress", "/history", "/account"]) {
    await page.goto(system.url + path);
    await page.locator("h1, .start").first().waitFor();
    if (path === "/") await monaco(page);
    await looks(page, `student${path.replace("/", "-").replace(/-$/, "")}-new`);
  }
  await page.goto(system.url);
  await monaco(page);
  await page.getByRole("button", { name: "Exercises" }).click();
  await page.locator(".exercise-list li").first().waitFor();
  await looks(page, "student-exercises");
  await page.goto(`${system.url}/no/such/page`);
  await has(page.locator("h1"), "Page not found");
  await looks(page, "not-found");
  await close(page);
});

test("colours follow the system until somebody chooses, and the choice stays", async () => {
  const page = await visit({ colorScheme: "dark" });
  await page.locator("html[data-theme=dark]").waitFor();
  await register(page, "Mary Jackson");
  await page.getByRole("button", { name: "Switch to light colours" }).click();
  await page.locator("html[data-theme=light]").waitFor();
  await page.reload();
  await page.getByRole("button", { name: "Switch to dark colours" }).waitFor();
  assert.equal(await page.locator("html").getAttribute("data-theme"), "light");
  await close(page);
});

test("everything is there in German, and the choice stays", async () => {
  const page = await visit();
  await register(page, "Dorothy");
  await page.getByRole("combobox", { name: "Language" }).selectOption("de");
  await has(page.getByTestId("submit-button"), "Senden");
  assert.equal(await page.title(), "Lernen · LearnFlow");
  // The tutor answers in English, and says so to a screen reader.
  await page.getByRole("button", { name: "Was ist eine List Comprehension?" }).click();
  await has(page.getByTestId("response-text").locator("[lang=en]"), /comprehension/i);
  await page.getByRole("button", { name: "Übungen" }).click();
  await page.locator(".exercise-list li").first().waitFor();
  await accessible(page, "exercises in German");
  // What the page itself says of a failure is German too.
  await page.route("**/api/progress", (route) => route.abort("internetdisconnected"));
  await page.goto(`${system.url}/progress`);
  await has(page.getByRole("alert"), "Der Server ist nicht erreichbar.");
  await page.unroute("**/api/progress");
  for (const [path, title] of [["/progress", "Fortschritt"], ["/history", "Verlauf"], ["/account", "Konto und Datenschutz"]]) {
    await page.goto(system.url + path);
    await has(page.locator("h1"), title);
    assert.equal(await page.title(), `${title} · LearnFlow`);
    assert.equal(await page.locator("html").getAttribute("lang"), "de");
    await until("everything is loaded", async () => (await page.getByText("Wird geladen").count()) === 0);
    await accessible(page, `${path} in German`);
    await shot(page, `german${path.replace("/", "-")}`);
  }
  // A browser that speaks German needs no choice.
  const german = await visit({ locale: "de-DE" });
  await has(german.locator("h2"), "Konto anlegen");
  await close(german);
  await close(page);
});

test("the keyboard alone is enough, from the account to the solved exercise", async () => {
  const page = await visit();
  const press = (key) => page.keyboard.press(key);
  const type = (text) => page.keyboard.type(text);
  await tabTo(page, page.locator("[name=name]"));
  await type("Hedy");
  await press("Tab");
  await type("hedy@example.org");
  await press("Tab");
  await type("a quiet word of mine");
  await press("Enter");
  await tabTo(page, page.getByTestId("query-input"));
  await type("What is a tuple?");
  await press("Enter");
  await has(page.getByTestId("response-text"), /tuple/i);
  await tabTo(page, page.getByRole("button", { name: "Helpful", exact: true }), "Shift+Tab");
  await press("Space");
  await page.locator("[aria-pressed=true][aria-label=Helpful]").waitFor();
  // Into the editor, a program, and out of it again.
  await monaco(page);
  const inside = () => page.evaluate(() => Boolean(document.activeElement?.closest(".monaco-editor")));
  const writes = async (program) => {
    for (let presses = 0; presses < 80 && !(await inside()); presses += 1) await press("Tab");
    assert.ok(await inside());
    await press("Control+A");
    await press("Delete");
    // The editor indents new lines by itself, as it does for everybody who types.
    await type(program);
  };
  // In the editor Tab indents, unless Escape comes before it.
  const leaves = async (key = "Tab") => {
    await press("Escape");
    await press(key);
    assert.equal(await inside(), false);
  };
  await writes("print(6 * 7)");
  await press("Control+Enter");
  await has(page.getByTestId("terminal"), "42");
  await leaves();
  // A program that is run by its button, typed into, and stopped.
  await writes('while True:\nprint("Hello,", input())');
  await leaves("Shift+Tab");
  await tabTo(page, page.getByTestId("run-button"), "Shift+Tab");
  await press("Enter");
  await tabTo(page, page.getByTestId("stdin"));
  await type("Hedy");
  await press("Enter");
  await has(page.getByTestId("terminal"), "Hello, Hedy");
  // Beyond the last element comes the first.
  await tabTo(page, page.getByTestId("stop-button"));
  await press("Enter");
  await has(page.getByTestId("terminal"), "Stopped by you");
  // Recorded steps, by the slider and by its buttons.
  await writes("total = 1\ntotal = total + 1\nprint(total)");
  await leaves("Shift+Tab");
  await tabTo(page, page.getByTestId("steps-button"), "Shift+Tab");
  await press("Enter");
  await has(page.getByTestId("step-position"), "Step 1 of");
  await tabTo(page, page.getByRole("slider", { name: "Step" }), "Shift+Tab");
  await press("ArrowRight");
  await press("ArrowRight");
  await has(page.getByTestId("step-position"), "Step 3 of");
  await tabTo(page, page.getByRole("button", { name: "One step back" }), "Shift+Tab");
  await press("Enter");
  await has(page.getByTestId("step-position"), "Step 2 of");
  // An exercise from the list.
  await tabTo(page, page.getByRole("button", { name: "Exercises" }));
  await press("Enter");
  await tabTo(page, page.getByRole("searchbox", { name: "Search" }));
  await type("swap the ends");
  await tabTo(page, page.locator(".exercise-list button", { hasText: "Swap the ends" }));
  await press("Enter");
  await has(page.locator("h2"), "Swap the ends");
  await tabTo(page, page.getByTestId("hint"));
  await press("Enter");
  assert.equal(await page.getByTestId("hints").locator("li").count(), 1);
  await tabTo(page, page.getByTestId("hand-in"), "Shift+Tab");
  await press("Enter");
  await has(page.getByTestId("verdict"), "Not yet.");
  await writes("def swap_ends(items):\nitems[0], items[-1] = items[-1], items[0]\nreturn items");
  await leaves("Shift+Tab");
  await tabTo(page, page.getByTestId("hand-in"), "Shift+Tab");
  await press("Enter");
  await has(page.getByTestId("verdict"), "Passed.");
  // The account's menu.
  await tabTo(page, page.locator(".menu summary"), "Shift+Tab");
  await press("Enter");
  await accessible(page, "menu");
  await tabTo(page, page.getByRole("link", { name: "Account and privacy" }));
  await press("Enter");
  await has(page.locator("h1"), "Account and privacy");
  await close(page);
});

test("an exercise goes from a first try through hints to passed", async () => {
  const page = await visit();
  await register(page, "Donald");
  await monaco(page);
  await page.goto(`${system.url}/?exercise=swap-ends`);
  await has(page.locator("h2"), "Swap the ends");
  await monaco(page);
  await write(page, "def swap_ends(items):\n    return items[::-1]\n");
  await page.getByTestId("hand-in").click();
  await has(page.getByTestId("verdict"), "Not yet.");
  // The first hint is free, the second came with the try.
  await page.getByTestId("hint").click();
  await page.getByTestId("hint").click();
  assert.equal(await page.getByTestId("hints").locator("li").count(), 2);
  await accessible(page, "exercise");
  await shot(page, "exercise");
  await write(page, "def swap_ends(items):\n    items[0], items[-1] = items[-1], items[0]\n    return items\n");
  await page.getByTestId("hand-in").click();
  await has(page.getByTestId("verdict"), "Passed.");
  await has(page.locator(".submissions li").first(), "8/8");
  await page.goto(`${system.url}/progress`);
  await has(page.locator(".achievements"), "First exercise solved");
  await looks(page, "student-progress");
  await close(page);
});
