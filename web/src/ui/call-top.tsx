import type { ComponentChildren } from "preact";
import type { AppState, InCall } from "../sdk/core/state";
import { text } from "../texts";
import { nameOf } from "./avatar";
import { CallBadges } from "./call-badges";
import { Duration } from "./duration";
import { Icon } from "./icon";
import { isNarrow } from "./narrow";
import { useFocus } from "./use-focus";

/** Whom one is in a call with or which room it is, and how media flows. */
export function CallTop({ state, phase, children }: { state: AppState; phase: InCall; children: ComponentChildren }) {
  const heading = useFocus<HTMLHeadingElement>();
  const [other, ...more] = phase.others;
  const isPair = other !== undefined && more.length === 0 && !other.sources.includes("screen");
  const name = titleOf(phase);
  return (
    <div class="stage-top">
      <h1 class="name-tag" ref={heading} tabIndex={-1}>
        <span class="visually-hidden">{text(phase.callId ? "in_call" : "in_room", { name })}</span>
        <span class="name-words" aria-hidden="true">
          {name}
        </span>
        {isPair && phase.path !== null && !other.sources.includes("microphone") && (
          <span class="muted-mark" title={text("other_microphone_off", { name })}>
            <Icon name="micOff" />
            <span class="visually-hidden">{text("other_microphone_off", { name })}</span>
          </span>
        )}
        {isPair && other.hand !== undefined && (
          <span class="muted-mark" title={text("hand_raised")}>
            <Icon name="hand" />
            <span class="visually-hidden">{text("hand_raised")}</span>
          </span>
        )}
        {phase.room.locked && (
          <span class="muted-mark" title={text("room_is_locked")}>
            <Icon name="lock" />
            <span class="visually-hidden">{text("room_is_locked")}</span>
          </span>
        )}
        {isNarrow.value && <Duration since={phase.since} />}
      </h1>
      {children}
      <CallBadges phase={phase} connection={state.connection} short={!isPair} />
    </div>
  );
}

/** The room's name; without one, who is in it. */
export function titleOf({ room, others, user }: InCall): string {
  if (room.name) return room.name;
  const [one, two, ...rest] = others.map((other) => nameOf(other.user));
  if (one === undefined) return user.user_id === "" ? text("room") : nameOf(user);
  if (two === undefined) return one;
  return rest.length === 0 ? text("two_names", { one, two }) : text("names_and_more", { one, two, count: rest.length });
}
