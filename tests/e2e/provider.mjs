// The scripted provider of a language model (crates/testkit), as a program.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { CHECKOUT } from "./system.mjs";

const PROGRAM = process.env.PROVIDER ?? join(CHECKOUT, "target/release/examples/provider");

export class Provider {
  #child;
  #lines;
  /** In which `learnflow up` asks it. */
  environment;

  static async start() {
    const provider = new Provider();
    provider.#child = spawn(PROGRAM, { stdio: ["pipe", "pipe", "inherit"] });
    provider.#child.once("error", (error) => { throw error; });
    provider.#lines = createInterface({ input: provider.#child.stdout })[Symbol.asyncIterator]();
    provider.environment = await provider.#line();
    return provider;
  }

  /** The next request gets these pieces, each when {@link release} lets it out. */
  next(pieces) {
    return this.#do({ next: pieces });
  }

  release(pieces) {
    return this.#do({ release: pieces });
  }

  /** What every other request gets. */
  otherwise(text) {
    return this.#do({ otherwise: text });
  }

  /** The prompts that it got. */
  asked() {
    return this.#do({ asked: true });
  }

  async stop() {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.stdin.end();
    await ended;
  }

  #do(command) {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    return this.#line();
  }

  async #line() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("the provider ended");
    return JSON.parse(value);
  }
}
