// One system and one browser for all tests of a file.
import { after, before } from "node:test";
import { launch, open } from "./browser.mjs";

/** Starts a system and a browser before the tests, and ends them afterwards. Returns what opens a page of the system. */
export function visitor(system) {
  let browser;
  before(async () => {
    await system.start();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await system.remove();
  });
  return (options) => open(browser, system.url, options);
}
