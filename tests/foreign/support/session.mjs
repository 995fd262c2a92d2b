// A session as docs/protocol.md tells it: hello, commands with a `ref`, events, a ping a second.

import WebSocket from "ws";

import { until } from "./until.mjs";

export class Session {
  /** Says hello as a new user of this name. */
  static async open(url, name) {
    const session = new Session();
    session.socket = new WebSocket(url);
    session.ref = 0;
    session.events = [];
    session.listeners = [];
    session.socket.on("message", (text) => {
      const event = JSON.parse(text);
      session.events.push(event);
      for (const listener of session.listeners) listener(event);
    });
    await new Promise((resolve, reject) => {
      session.socket.once("open", resolve);
      session.socket.once("error", reject);
    });
    session.say({ type: "hello", protocol: 1, name });
    session.welcome = await session.next("welcome");
    session.heartbeat = setInterval(() => session.say({ type: "ping" }), 1000);
    return session;
  }

  /** Sends a command; its `ref`. */
  say(command) {
    this.ref += 1;
    this.socket.send(JSON.stringify({ ref: this.ref, ...command }));
    return this.ref;
  }

  /** Sends a command; the event that answers it, which may not be an error. */
  async ask(command) {
    const ref = this.say(command);
    const answer = await until(`an answer to ${command.type}`, () => this.events.find((event) => event.ref === ref));
    if (answer.type === "error") throw new Error(`${command.type} was refused: ${answer.code}: ${answer.message}`);
    return answer;
  }

  /** The first event of this type, now or later. */
  next(type) {
    return until(`the event ${type}`, () => this.events.find((event) => event.type === type));
  }

  on(listener) {
    this.listeners.push(listener);
  }

  close() {
    clearInterval(this.heartbeat);
    this.socket.close(1001);
  }
}
