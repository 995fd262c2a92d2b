import type { ReadonlySignal } from "@preact/signals";
import { assertNever } from "../assert";
import type { AppState, Input } from "../state";
import { Banner } from "./banner";
import { Ended } from "./ended";
import { Home } from "./home";
import { InCall } from "./in-call";
import { Problems } from "./problems";
import { Calling, Incoming } from "./ringing";

export interface AppViewProps {
  state: ReadonlySignal<AppState>;
  remoteStream: ReadonlySignal<MediaStream | null>;
  selfStream: ReadonlySignal<MediaStream | null>;
  send: (input: Input) => void;
}

export function AppView(props: AppViewProps) {
  const state = props.state.value;
  const showsOwnProblems = state.phase.kind === "calling" || state.phase.kind === "in_call";
  return (
    <>
      <Banner state={state} />
      {!showsOwnProblems && <Problems state={state} send={props.send} />}
      <Page {...props} />
    </>
  );
}

function Page({ state, remoteStream, selfStream, send }: AppViewProps) {
  const { phase, connection } = state.value;
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
          remoteStream={remoteStream.value}
          selfStream={selfStream.value}
          send={send}
        />
      );
    case "ended":
      return <Ended phase={phase} canCall={connection === "up"} send={send} />;
    default:
      return assertNever(phase);
  }
}
