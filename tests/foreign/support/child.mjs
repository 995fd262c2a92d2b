// A stack's program as a child process, and what it said.

import { spawn } from "node:child_process";

import { until } from "./until.mjs";

export class Child {
  /** Starts a program that prints one JSON object a line. */
  constructor(name, command, parameters) {
    this.name = name;
    this.said = [];
    this.errors = "";
    this.process = spawn(command, parameters, { stdio: ["pipe", "pipe", "pipe"] });
    this.exited = new Promise((resolve) => this.process.once("exit", (code, signal) => resolve(signal ?? code)));
    this.exited.then((how) => {
      this.how = how;
    });
    let rest = "";
    this.process.stdout.on("data", (chunk) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        if (line.startsWith("{")) this.said.push(JSON.parse(line));
        else this.errors += `${line}\n`;
      }
    });
    this.process.stderr.on("data", (chunk) => {
      this.errors += chunk;
    });
    this.process.stdin.on("error", () => {});
  }

  /** What it said last under this name. */
  last(event) {
    return this.said.findLast((said) => said.event === event);
  }

  next(event, probe = () => true) {
    const waited = () => `${this.name}: ${event}, at last ${JSON.stringify(this.last(event))}\n${this.errors}`;
    return until(waited, () => {
      if (this.how !== undefined) throw new Error(`${this.name} ended with ${this.how}: ${this.errors}`);
      const last = this.last(event);
      return last && probe(last) && last;
    });
  }

  /** Waits until picture and sound have come in and go on to. */
  async receives() {
    const begun = await this.next("received", (now) => now.video > 0 && now.audio > 0);
    return await this.next("received", (now) => now.video >= begun.video + 20 && now.audio >= begun.audio + 20);
  }

  /** Tells it to end, which it has to do in order. */
  async end() {
    this.process.stdin.end();
    const late = setTimeout(() => this.process.kill("SIGKILL"), 10_000);
    const how = await this.exited;
    clearTimeout(late);
    if (how !== 0) throw new Error(`${this.name} ended with ${how}: ${this.errors}`);
  }

  kill() {
    if (this.how === undefined) this.process.kill("SIGKILL");
  }
}
