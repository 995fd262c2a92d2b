import type { ReadonlySignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Browsers } from "../browsers";
import { ringsQuietly } from "../do-not-disturb";
import type { Pairer } from "../pairing";
import { assertNever } from "../sdk/assert";
import type { AppState, Input } from "../sdk/core/state";
import type { Device } from "../sdk/media/devices";
import type { RemoteTracks } from "../sdk/media/remote";
import type { Tile } from "../sdk/protocol";
import { AddDialog } from "./add-dialog";
import { Announcer } from "./announcer";
import { Banner } from "./banner";
import { BlockDialog, BlockedDialog } from "./block-dialog";
import { BrowsersDialog } from "./browsers-dialog";
import { CheckDialog } from "./check-dialog";
import { ContactDialog } from "./contact-dialog";
import { DevicesDialog } from "./devices-dialog";
import { Ended } from "./ended";
import { ForgetDialog } from "./forget-dialog";
import { HelpDialog } from "./help-dialog";
import { Home } from "./home";
import { InCall } from "./in-call";
import { Joining } from "./joining";
import { Lobby } from "./lobby";
import { openDialog } from "./open-dialog";
import { PairDialog, TakePairingDialog } from "./pair-dialog";
import { PastChatDialog } from "./past-chat-dialog";
import { Problems } from "./problems";
import { RemoveDialog } from "./remove-dialog";
import { ReportDialog } from "./report/report-dialog";
import { Calling, Incoming, QuietIncoming } from "./ringing";
import { SignIn } from "./sign-in";
import { Toasts } from "./toasts";
import { useKeys } from "./use-keys";

export interface AppViewProps {
  state: ReadonlySignal<AppState>;
  remote: ReadonlySignal<RemoteTracks>;
  selfStream: ReadonlySignal<MediaStream | null>;
  /** What this page shows of its own screen. */
  selfScreen: ReadonlySignal<MediaStream | null>;
  send: (input: Input) => void;
  /** To be told, whenever the layout changes, which pictures of the others the page has place for. */
  setView: (tiles: Tile[]) => void;
  /** Takes over the device that was just chosen, in the call in progress. */
  switchDevice: (device: Device) => void;
  checkConnection: () => void;
  pairer: Pick<Pairer, "show" | "hide" | "look" | "take">;
  browsers: Pick<Browsers, "ask" | "signOut">;
  /** Comes into the room of this link without having signed in. */
  beGuest: (linkId: string) => void;
}

export function AppView(props: AppViewProps) {
  const state = props.state.value;
  const { phase } = state;
  const quietly = ringsQuietly(phase);
  const inCall = state.phase.kind === "in_call";
  const shown = quietly ? "home" : phase.kind;
  useKeys(shown, state, props.send);
  // A page that comes up by itself, such as an incoming call, must not lie under a dialog of the last one. What it opens itself stays.
  const last = useRef(shown);
  useLayoutEffect(() => {
    if (last.current !== shown) openDialog.value = null;
    last.current = shown;
  }, [shown]);
  const switchDevice = (device: Device) => {
    // One that could not be opened is tried again with the other choice.
    if (state.devices[device] === "none") props.send({ kind: `toggle_${device}` });
    else props.switchDevice(device);
  };
  const showsOwnProblems = ["calling", "in_call", "joining", "lobby"].includes(phase.kind);
  return (
    <>
      <Announcer state={state} />
      <Banner state={state} />
      {!showsOwnProblems && <Problems state={state} send={props.send} />}
      {quietly && phase.kind === "incoming" && <QuietIncoming user={phase.user} send={props.send} />}
      {phase.kind === "joining" && phase.rings && <QuietIncoming user={phase.rings.user} send={props.send} />}
      <Page {...props} switchDevice={switchDevice} quietly={quietly} />
      {openDialog.value === "devices" && (
        <DevicesDialog inCall={inCall} selfStream={props.selfStream.value} switchDevice={switchDevice} />
      )}
      {openDialog.value === "help" && <HelpDialog />}
      {openDialog.value === "add" && phase.kind === "in_call" && (
        <AddDialog state={state} phase={phase} send={props.send} />
      )}
      {openDialog.value === "remove" && inCall && <RemoveDialog send={props.send} />}
      {openDialog.value === "forget" && <ForgetDialog send={props.send} />}
      {openDialog.value === "past_chat" && <PastChatDialog state={state} send={props.send} />}
      {openDialog.value === "report" && <ReportDialog state={state} send={props.send} />}
      {openDialog.value === "contact" && <ContactDialog state={state} send={props.send} />}
      {openDialog.value === "block" && <BlockDialog send={props.send} />}
      {openDialog.value === "blocked" && <BlockedDialog state={state} send={props.send} />}
      {openDialog.value === "pair" && <PairDialog pairer={props.pairer} />}
      {openDialog.value === "take_pairing" && <TakePairingDialog state={state} pairer={props.pairer} />}
      {openDialog.value === "browsers" && <BrowsersDialog browsers={props.browsers} />}
      {openDialog.value === "check" && <CheckDialog start={props.checkConnection} />}
      {/* A dialog has its own: the page lies under it. */}
      {openDialog.value === null && <Toasts />}
    </>
  );
}

function Page({
  state,
  remote,
  selfStream,
  selfScreen,
  setView,
  switchDevice,
  send,
  beGuest,
  quietly,
}: AppViewProps & { quietly: boolean }) {
  const { phase, connection } = state.value;
  // A direct call goes on without the server, and says so.
  if (connection === "signed_out" && phase.kind !== "in_call") return <SignIn beGuest={beGuest} />;
  if (quietly) return <Home state={state.value} send={send} />;
  switch (phase.kind) {
    case "home":
      return <Home state={state.value} send={send} />;
    case "calling":
      return <Calling state={state.value} phase={phase} selfStream={selfStream.value} send={send} />;
    case "incoming":
      return <Incoming phase={phase} send={send} />;
    case "in_call":
      return (
        <InCall
          state={state.value}
          phase={phase}
          remote={remote.value}
          selfStream={selfStream.value}
          selfScreen={selfScreen.value}
          setView={setView}
          switchDevice={switchDevice}
          send={send}
        />
      );
    case "joining":
      return <Joining state={state.value} phase={phase} selfStream={selfStream.value} send={send} />;
    case "lobby":
      return <Lobby state={state.value} phase={phase} selfStream={selfStream.value} send={send} />;
    case "ended":
      return <Ended state={state.value} phase={phase} send={send} />;
    default:
      return assertNever(phase);
  }
}
