import { render } from "preact";
import { App } from "./effects";
import { Identity, storeOr } from "./identity";
import { AppView } from "./ui/app-view";
import { userIdInPath } from "./user-id";

declare global {
  interface Window {
    /** For tests and support; web/README.md says what is in it. */
    readonly tandem: { stats(): Promise<Record<string, unknown>>; closeDirect(): void };
  }
}

const slot = new URLSearchParams(location.search).get("user") ?? "";
const identity = new Identity(
  slot,
  storeOr(() => localStorage),
  storeOr(() => sessionStorage),
  navigator.locks,
);
const app = new App(identity, userIdInPath(location.pathname));

Object.defineProperty(window, "tandem", {
  value: Object.freeze({ stats: () => app.stats(), closeDirect: () => app.closeDirect() }),
});

const root = document.getElementById("app");
if (root === null) throw new Error("index.html has an element #app");
render(<AppView state={app.state} remoteStream={app.remoteStream} selfStream={app.selfStream} send={app.send} />, root);
app.start();
