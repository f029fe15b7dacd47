// What teachers do, in a real browser, against the real system.
import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible, close, has, looks, monaco, register, saved, write } from "./browser.mjs";
import { System } from "./system.mjs";
import { visitor } from "./visit.mjs";

const system = new System();
const visit = visitor(system);

/** A teacher with a class; with its join code. */
async function teaching(name, title) {
  const page = await visit();
  system.role(await register(page, name), "teacher");
  await page.goto(`${system.url}/teacher`);
  await page.getByRole("textbox", { name: "Name of a new class" }).fill(title);
  await page.getByRole("button", { name: "New class" }).click();
  return { page, code: await page.locator(".join-code").innerText() };
}

/** A student who joined a class. */
async function learning(name, code, title) {
  const page = await visit();
  await register(page, name);
  await page.goto(`${system.url}/account`);
  await page.getByRole("textbox", { name: "Join code" }).fill(code);
  await page.getByRole("button", { name: "Join a class" }).click();
  await has(page.locator(".plain-list"), title);
  return page;
}

test("pages without anything on them say so, in light, dark and on a phone", async () => {
  const page = await visit();
  system.role(await register(page, "Mary Keller"), "teacher");
  await page.goto(`${system.url}/teacher`);
  await has(page.locator(".card"), "You have no class yet");
  await looks(page, "teacher-no-class");
  await page.getByRole("textbox", { name: "Name of a new class" }).fill("Nobody yet");
  await page.getByRole("button", { name: "New class" }).click();
  const empty = [
    ["", "Nobody has joined yet"],
    ["/alerts", "No alerts"],
    ["/errors", "No errors in this time"],
    ["/exercises", "no exercise of its own yet"],
    ["/policy", "For everything"],
    ["/notes", "no notes yet"],
  ];
  for (const [path, words] of empty) {
    await page.goto(`${system.url}/teacher${path}`);
    await has(page.locator("main"), words);
    await looks(page, `teacher${path.replace("/", "-")}-new`);
  }
  await close(page);
});

/** Runs into the same error until that is an alert. */
async function getsStuck(student) {
  await student.goto(`${system.url}/`);
  await monaco(student);
  for (let at = 0; at < 5; at += 1) {
    await write(student, `numbers = [1, 2, 3]\nprint(numbers[${3 + at}])\n`);
    await student.getByTestId("run-button").click();
    await has(student.getByTestId("error-explanation"), "IndexError");
  }
}

test("a struggle alert reaches the teacher, with the evidence one click away", async () => {
  const title = "Python, first year";
  const { page: teacher, code } = await teaching("Frances Allen", title);
  const student = await learning("Tim Stuck", code, title);
  await teacher.goto(`${system.url}/teacher/alerts`);
  await has(teacher.getByTestId("alerts"), "No alerts");
  await getsStuck(student);
  await has(teacher.getByTestId("alert").first(), "Tim Stuck");
  await teacher.getByRole("button", { name: "Evidence" }).first().click();
  await has(teacher.getByTestId("evidence"), "numbers[");
  await looks(teacher, "teacher-alerts");
  await teacher.getByRole("button", { name: "Mark as resolved" }).first().click();
  await has(teacher.getByTestId("alerts"), "No alerts");
  await teacher.getByRole("button", { name: "Resolved", exact: true }).click();
  await has(teacher.getByTestId("alert").first(), "Tim Stuck");
  await teacher.goto(`${system.url}/teacher/errors`);
  await has(teacher.locator("section.card"), "IndexError");
  await looks(teacher, "teacher-errors");
  await close(student);
  await close(teacher);
});

test("a teacher hears of an alert on any page, also of a student who is in no class", async () => {
  const { page: teacher } = await teaching("Karen Jones", "Python, with a badge");
  await teacher.goto(`${system.url}/teacher/notes`);
  await has(teacher.locator("main"), "no notes yet");
  assert.equal(await teacher.getByTestId("alert-badge").count(), 0);
  const student = await visit();
  await register(student, "Lone Learner");
  await getsStuck(student);
  await has(teacher.getByTestId("alert-badge"), /^1$/);
  await accessible(teacher, "with a badge");
  await teacher.getByTestId("alert-badge").click();
  await has(teacher.getByTestId("alert"), "Lone Learner");
  const whose = teacher.getByRole("combobox", { name: "Whose alerts" });
  await whose.selectOption({ label: "Python, with a badge" });
  await has(teacher.getByTestId("alerts"), "No alerts");
  await whose.selectOption({ label: "Students in no class" });
  await has(teacher.getByTestId("alert"), "Lone Learner");
  await teacher.getByRole("button", { name: "Mark as resolved" }).click();
  await teacher.getByTestId("alert-badge").waitFor({ state: "detached" });
  // The page in German.
  await teacher.getByRole("button", { name: "Resolved", exact: true }).click();
  await teacher.getByRole("combobox", { name: "Language" }).selectOption("de");
  await has(teacher.getByTestId("alert"), "Belege");
  assert.equal(await teacher.title(), "Hinweise · LearnFlow");
  await accessible(teacher, "alerts in German");
  await close(student);
  await close(teacher);
});

test("a student's timeline has every kind of thing that happened, each with its detail", async () => {
  const title = "Python, evenings";
  const { page: teacher, code } = await teaching("Jean Sammet", title);
  const student = await learning("Ida Rhodes", code, title);
  await student.goto(`${system.url}/?exercise=swap-ends`);
  await has(student.locator("h2"), "Swap the ends");
  await monaco(student);
  await write(student, "def swap_ends(items):\n    return items[::-1]\n");
  await student.getByTestId("run-button").click();
  await has(student.getByTestId("terminal"), "Finished");
  await student.getByTestId("hand-in").click();
  await has(student.getByTestId("verdict"), "Not yet.");
  await teacher.goto(`${system.url}/teacher`);
  await teacher.getByRole("link", { name: "Ida Rhodes" }).click();
  await has(teacher.locator("h1"), "Ida Rhodes");
  for (const [kind, words] of [["turn", "Check my solution"], ["run", "return items[::-1]"], ["attempt", "swap-ends"]]) {
    const event = teacher.locator(`.timeline .kind-${kind}`).first();
    await event.locator("summary").first().click();
    await has(event.locator(".detail"), words);
  }
  await has(teacher.locator("#modules + .module-row, .module-row"), "%");
  await looks(teacher, "teacher-student");
  await close(student);
  await close(teacher);
});

test("the hint policy of a class bounds what its students get", async () => {
  const title = "Python, strict";
  const { page: teacher, code } = await teaching("Adele Goldberg", title);
  await teacher.goto(`${system.url}/teacher/policy`);
  await teacher.getByRole("combobox", { name: "For everything" }).selectOption("nudge");
  await has(teacher.getByRole("status"), "Saved.");
  await teacher.getByRole("combobox", { name: "Exercise id" }).fill("swap-ends");
  await teacher.getByRole("button", { name: "Add" }).click();
  await teacher.getByRole("combobox", { name: "swap-ends" }).selectOption("pointer");
  await looks(teacher, "teacher-policy");
  await teacher.reload();
  await teacher.getByRole("combobox", { name: "swap-ends" }).waitFor();
  assert.equal(await teacher.getByRole("combobox", { name: "For everything" }).inputValue(), "nudge");
  assert.equal(await teacher.getByRole("combobox", { name: "swap-ends" }).inputValue(), "pointer");
  // An exercise that nobody has is refused in words.
  await teacher.getByRole("combobox", { name: "Exercise id" }).fill("no-such-exercise");
  await teacher.getByRole("button", { name: "Add" }).click();
  await has(teacher.getByRole("status"), /no-such-exercise/);

  const student = await learning("Alice Bold", code, title);
  await student.goto(`${system.url}/?exercise=swap-ends`);
  await has(student.locator("h2"), "Swap the ends");
  await monaco(student);
  for (let tries = 1; tries <= 3; tries += 1) {
    await write(student, `def swap_ends(items):\n    return items[:${tries}]\n`);
    await student.getByTestId("hand-in").click();
    await student.locator(".submissions li").nth(tries - 1).waitFor();
  }
  // Three tries would unlock all hints; the policy stops at the second.
  await student.getByTestId("hint").click();
  await student.getByTestId("hint").click();
  await student.getByTestId("hint").waitFor({ state: "detached" });
  assert.equal(await student.getByTestId("hints").locator("li").count(), 2);
  await close(student);
  await close(teacher);
});

test("course notes are written, changed and removed", async () => {
  const { page } = await teaching("Barbara Liskov", "Python with notes");
  await page.goto(`${system.url}/teacher/notes`);
  await page.getByRole("textbox", { name: "Title" }).fill("Lists in week 3");
  await page.getByRole("textbox", { name: "Topics" }).fill("lists");
  await page.getByRole("textbox", { name: "Text" }).fill("We call an index a *place*.");
  // What could not be kept stays in the form.
  await page.route("**/notes", (route) => (route.request().method() === "POST" ? route.abort("internetdisconnected") : route.fallback()));
  await page.getByRole("button", { name: "Save" }).click();
  await has(page.locator("form .problem"), "cannot be reached");
  assert.equal(await page.getByRole("textbox", { name: "Title" }).inputValue(), "Lists in week 3");
  assert.equal(await page.getByRole("textbox", { name: "Text" }).inputValue(), "We call an index a *place*.");
  await page.unroute("**/notes");
  await page.getByRole("button", { name: "Save" }).click();
  const note = page.locator("article.card");
  await has(note, "We call an index a place.");
  await looks(page, "teacher-notes");
  await note.getByRole("button", { name: "Edit" }).click();
  await page.getByRole("textbox", { name: "Text" }).fill("We call an index a *position*.");
  await page.getByRole("button", { name: "Save" }).click();
  await has(note, "position");
  await note.getByRole("button", { name: "Remove" }).click();
  await note.waitFor({ state: "detached" });
  await has(page.locator("main"), "no notes yet");
  await close(page);
});

test("an exercise of one's own is verified before students get it", async () => {
  const title = "Python with exercises";
  const { page: teacher, code } = await teaching("Lynn Conway", title);
  const student = await learning("Sophie Wilson", code, title);
  await teacher.goto(`${system.url}/teacher/exercises`);
  const field = (name) => teacher.getByRole("textbox", { name });
  await field("Title").fill("Twice as much");
  await field("Topics").fill("functions");
  await field("Task (Markdown)").fill("Write `double(n)`, which gives twice `n`.");
  await field("Starter").fill("def double(n):\n    pass\n");
  await field("Solution").fill("def double(n):\n    return n + 2\n");
  await field("Shown tests 1: call or input").fill("double(2)");
  await field("Shown tests 1: gives").fill("4");
  await field("Hidden tests 1: call or input").fill("double(5)");
  await field("Hidden tests 1: gives").fill("10");
  for (const [at, hint] of ["What is twice 5?", "Which operator multiplies?", "Give back the product."].entries()) await field(`Hint ${at + 1}`).fill(hint);
  await teacher.getByRole("button", { name: "Add a typical wrong answer" }).click();
  await field("Typical wrong answer").fill("def double(n):\n    return n ** 2\n");
  await field("What it shows").fill("The square is not the double.");
  // A solution that fails a hidden test is not kept, and the teacher reads which.
  await teacher.getByRole("button", { name: "Verify" }).click();
  await has(teacher.locator(".verdict"), "not verified");
  await has(teacher.locator(".verdict"), "hidden 1");
  await teacher.getByRole("button", { name: "Save" }).click();
  await has(teacher.locator("form .problem"), /./);
  await looks(teacher, "teacher-exercises-refused");
  await field("Solution").fill("def double(n):\n    return n * 2\n");
  await teacher.getByRole("button", { name: "Verify" }).click();
  await teacher.locator(".verdict.is-passed").waitFor();
  await looks(teacher, "teacher-exercises-verified");
  await teacher.getByRole("button", { name: "Save" }).click();
  await has(teacher.locator("main .plain-list li"), "Twice as much");

  await student.goto(`${system.url}/`);
  await monaco(student);
  await student.getByRole("button", { name: "Exercises" }).click();
  await student.getByRole("searchbox", { name: "Search" }).fill("twice as much");
  await student.locator(".exercise-list button", { hasText: "Twice as much" }).click();
  await has(student.locator("h2"), "Twice as much");
  await write(student, "def double(n):\n    return n * 2\n");
  await student.getByTestId("hand-in").click();
  await has(student.getByTestId("verdict"), "Passed.");
  await close(student);
  await close(teacher);
});

test("a class's figures come as CSV", async () => {
  const title = "Python, counted";
  const { page: teacher, code } = await teaching("Mavis Batey", title);
  const student = await learning("Joan Clarke", code, title);
  await student.goto(`${system.url}/?exercise=swap-ends`);
  await has(student.locator("h2"), "Swap the ends");
  await monaco(student);
  await write(student, "def swap_ends(items):\n    items[0], items[-1] = items[-1], items[0]\n    return items\n");
  await student.getByTestId("hand-in").click();
  await has(student.getByTestId("verdict"), "Passed.");
  await teacher.goto(`${system.url}/teacher`);
  await has(teacher.locator("table").first(), "Joan Clarke");
  await looks(teacher, "teacher-class");
  for (const [which, words] of [["overview", "Joan Clarke"], ["mastery", "Joan Clarke"], ["submissions", "swap-ends"], ["alerts", ""]]) {
    const { name, content } = await saved(teacher, () => teacher.getByRole("button", { name: `CSV: ${which}` }).click());
    assert.match(name, /^Python, counted-.*\.csv$/);
    const [head, ...rows] = content.toString("utf8").trim().split(/\r?\n/);
    assert.ok(head.split(",").length > 2, head);
    assert.ok(rows.join("\n").includes(words), rows.join("\n"));
  }
  await accessible(teacher, "after the downloads");
  await close(student);
  await close(teacher);
});

test("a class is renamed, closed, shared, left by a student, and deleted", async () => {
  const { page: teacher, code } = await teaching("Radia Perlman", "Python, to be managed");
  const student = await learning("Sam Leaver", code, "Python, to be managed");
  const colleague = await visit();
  system.role(await register(colleague, "Co Teacher"), "teacher");
  await colleague.goto(`${system.url}/account`);
  await has(colleague.locator("h1"), "Account and privacy");
  const id = await colleague.locator("code").innerText();
  await teacher.goto(`${system.url}/teacher`);
  await teacher.getByRole("button", { name: "Manage the class" }).click();
  await has(teacher.getByTestId("members"), "Sam Leaver");
  await looks(teacher, "teacher-manage");
  await teacher.getByRole("textbox", { name: "Name of the class" }).fill("Python, managed");
  await teacher.getByRole("button", { name: "Rename" }).click();
  await teacher.getByRole("textbox", { name: "Account id of a colleague" }).fill(id);
  await teacher.getByRole("button", { name: "Add" }).click();
  await has(teacher.getByTestId("teachers"), "Co Teacher");
  await colleague.goto(`${system.url}/teacher`);
  await has(colleague.locator("table").first(), "Sam Leaver");
  await teacher.getByRole("button", { name: "Remove Sam Leaver" }).click();
  await has(teacher.getByTestId("members").locator("xpath=.."), "Nobody has joined yet");
  await student.goto(`${system.url}/account`);
  await has(student.locator("main"), "You are in no class yet");
  await teacher.getByRole("button", { name: "Take no new students" }).click();
  await has(teacher.locator("main"), "The class takes no new students.");
  await student.getByRole("textbox", { name: "Join code" }).fill(code);
  await student.getByRole("button", { name: "Join a class" }).click();
  await student.locator("main .problem").waitFor();
  await teacher.getByRole("button", { name: "Take new students" }).click();
  await teacher.locator(".join-code").waitFor();
  assert.notEqual(await teacher.locator(".join-code").innerText(), code);
  await teacher.getByRole("button", { name: "Remove Co Teacher" }).click();
  await teacher.getByRole("button", { name: "Remove Co Teacher" }).waitFor({ state: "detached" });
  await teacher.getByRole("button", { name: "Delete the class" }).click();
  await has(teacher.locator("main .problem"), "Python, managed");
  await teacher.getByRole("button", { name: "Delete it" }).click();
  await has(teacher.locator("main .card"), "You have no class yet");
  for (const page of [student, colleague, teacher]) await close(page);
});
