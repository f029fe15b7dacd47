// The real system, started as a user starts it. A test may stop it and start it again on the same data.
import { spawn, spawnSync } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const CHECKOUT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const PROGRAM = process.env.LEARNFLOW ?? join(CHECKOUT, "target/release/learnflow");
/** Building what is missing and compiling the components may take this long on a small machine. */
const START_MS = 15 * 60_000;

export class System {
  #child = null;
  #data = mkdtempSync(join(CHECKOUT, "target/e2e-"));
  #port = 0;
  #environment;
  #said = new EventEmitter();
  /** What it printed since it was started. */
  #lines = [];

  /** With more environment than this process has, for instance a provider's. */
  constructor(environment = {}) {
    this.#environment = environment;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Where events go in. */
  get brokerUrl() {
    return this.#lines.find((line) => line.startsWith("broker"))?.split(/\s+/)[1];
  }

  /** Starts it and waits until it says that it is ready. */
  async start(...options) {
    this.#port ||= await freePort();
    const extra = process.env.LEARNFLOW_UP?.split(" ") ?? [];
    const child = spawn(PROGRAM, ["up", "--port", String(this.#port), "--data-dir", this.#data, ...extra, ...options], {
      cwd: CHECKOUT,
      env: { ...process.env, ...this.#environment },
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#child = child;
    const ended = new Promise((_, reject) => child.once("exit", (code) => reject(new Error(`up ended with ${code}`))));
    ended.catch(() => undefined);
    this.#lines = [];
    createInterface({ input: child.stdout }).on("line", (line) => {
      this.#lines.push(line);
      this.#said.emit("line", line);
    });
    await Promise.race([this.line(/^ready in/), ended]);
  }

  /** The match of the first line that it prints like this. */
  async line(pattern) {
    const late = AbortSignal.timeout(START_MS);
    for (;;) {
      const found = this.#lines.map((line) => pattern.exec(line)).find(Boolean);
      if (found) return found;
      await once(this.#said, "line", { signal: late });
    }
  }

  /** Stops it as Ctrl-C does. */
  async stop() {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGINT");
    await ended;
  }

  /** Stops it and removes its data. */
  async remove() {
    await this.stop();
    rmSync(this.#data, { recursive: true, force: true });
  }

  /** Gives an account a role, by the command that a school uses. */
  role(email, role) {
    const { status, stderr } = spawnSync(PROGRAM, ["role", email, role, "--data-dir", this.#data], {
      cwd: CHECKOUT,
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`learnflow role: ${stderr}`);
  }
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
