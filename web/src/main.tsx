import { render } from "preact";
import { App } from "./app";
import { watchConnection } from "./auto-check";
import { watchAway } from "./away";
import { keepQuiet } from "./do-not-disturb";
import { watchDevices } from "./media/device-watch";
import { listenForClicks, takeWish } from "./notified";
import { takeCode } from "./pairing";
import { storeOr } from "./sdk/identity";
import { linkIdInPath, userIdInPath } from "./sdk/user-id";
import { loadSettings } from "./settings";
import { takeFault } from "./sign-in";
import { markLanguage } from "./texts";
import { takeToken } from "./token";
import { AppView } from "./ui/app-view";
import { openDialog } from "./ui/open-dialog";
import { keepAwake } from "./wake-lock";

declare global {
  interface Window {
    /** For tests and support; web/README.md says what is in it. */
    readonly tandem: {
      stats(): Promise<Record<string, unknown>>;
      closeDirect(): void;
      /** For a page that embeds this one: goes on as whom this token signs in. */
      signIn(token: string): void;
    };
  }
}

// Before anything else looks at the address.
const token = takeToken();
takeFault();
const code = takeCode();
takeWish();
const slot = new URLSearchParams(location.search).get("user") ?? "";
const local = storeOr(() => localStorage);
loadSettings(local, slot);
markLanguage(document.documentElement);
const app = new App({ profile: slot, link: userIdInPath(location.pathname), ...(token !== null && { token }) });

Object.defineProperty(window, "tandem", {
  value: Object.freeze({
    stats: () => app.stats(),
    closeDirect: () => app.closeDirect(),
    signIn: (token: string) => app.signIn(token),
  }),
});
/** A link of another device's that leads here. */
function takePairing(code: string | null): void {
  if (code === null) return;
  app.pairer.look(code);
  openDialog.value = "take_pairing";
}

// A link of the operator's application that leads to a page that is open already.
addEventListener("hashchange", () => {
  const token = takeToken();
  if (token !== null) app.signIn(token);
  takePairing(takeCode());
  takeWish();
});

const root = document.getElementById("app");
if (root === null) throw new Error("index.html has an element #app");
watchDevices(app.state, app.send);
keepQuiet(app.state, app.send);
keepAwake(app.state);
watchAway(document, (away) => app.send({ kind: "set_away", away }));
watchConnection(app.state, app.checker);
listenForClicks(() => app.state.value.phase, app.send);
render(
  <AppView
    state={app.state}
    remote={app.remote}
    selfStream={app.selfStream}
    selfScreen={app.selfScreen}
    send={app.send}
    setView={app.setView}
    switchDevice={app.switchDevice}
    checkConnection={() => void app.checker.run(true)}
    pairer={app.pairer}
    browsers={app.browsers}
    beGuest={app.beGuest}
  />,
  root,
);
const linkId = linkIdInPath(location.pathname);
if (linkId !== null) app.send({ kind: "open_link", linkId });
app.start();
takePairing(code);
