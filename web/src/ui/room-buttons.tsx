/** What one shows or says in a room besides face and voice. */

import type { DeviceState, InCall, Input } from "../sdk/core/state";
import { text } from "../texts";
import { Menu, MenuItem } from "./menu";
import { GLYPHS, REACTIONS } from "./reactions";
import { RoundButton } from "./round-button";

type Send = (input: Input) => void;

/** Two who call each other need no raised hands. */
export function isGroup(phase: InCall): boolean {
  return phase.others.length > 1 || phase.callId === null;
}

/** Phones let no page show their screen. */
export function canShareScreen(): boolean {
  return navigator.mediaDevices?.getDisplayMedia !== undefined;
}

export function ScreenButton({ state, send }: { state: DeviceState; send: Send }) {
  if (!canShareScreen()) return null;
  const on = state === "on";
  return (
    <RoundButton
      testId="share-screen"
      icon={on ? "screenShareOff" : "screenShare"}
      label={text(on ? "stop_sharing" : "share_screen")}
      class={`round ${on ? "is-active" : ""}`}
      hotkey="S"
      state={state}
      disabled={state === "opening"}
      onClick={() => send({ kind: "toggle_screen" })}
    />
  );
}

export function HandButton({ phase, send }: { phase: InCall; send: Send }) {
  const raised = phase.me.hand !== null;
  return (
    <RoundButton
      testId="raise-hand"
      icon="hand"
      label={text(raised ? "lower_hand" : "raise_hand")}
      class={`round ${raised ? "is-active" : ""}`}
      hotkey="R"
      pressed={raised}
      onClick={() => send({ kind: "raise_hand", raised: !raised })}
    />
  );
}

export function ReactMenu({ send }: { send: Send }) {
  return (
    <Menu testId="react" icon="smile" label={text("react")} class="round">
      <ReactionItems send={send} />
    </Menu>
  );
}

export function ReactionItems({ send }: { send: Send }) {
  return (
    <div class="menu-row">
      {REACTIONS.map((reaction) => (
        <MenuItem
          key={reaction}
          testId={`react-${reaction}`}
          glyph={GLYPHS[reaction]}
          label={text(`reaction_${reaction}`)}
          onClick={() => send({ kind: "react", reaction })}
        />
      ))}
    </div>
  );
}
