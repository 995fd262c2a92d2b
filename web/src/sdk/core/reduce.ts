/** The state machine: (state, input, now) -> state and effects. Pure: whoever runs it carries the effects out. */

import { assertNever } from "../assert";
import type { Command } from "../protocol";
import { ringMissed } from "./anew";
import { chatInput } from "./chat";
import { handleEvent } from "./events";
import { historyInput } from "./history";
import { asKnown, peopleInput } from "./people";
import { reportInput } from "./report";
import { declineAtTheDoor, ringOver, turnToRing } from "./ring";
import { joinRoom, openLink, roomInput } from "./rooms";
import {
  type AppState,
  type Devices,
  type DirectMessage,
  type Effect,
  type InCall,
  type Input,
  maySend,
  NO_DEVICES,
  type PathMeasures,
  type Phase,
  type Step,
} from "./state";
import { backToTheDoor, end, goHome, isPhoneCall, only, send, sessionLost, withDevices } from "./steps";

export function reduce(state: AppState, input: Input, now: number): Step {
  const { phase } = state;
  switch (input.kind) {
    case "connection_changed":
      return only({ ...state, connection: input.connection });
    case "session_lost":
      return ringOver({ ...state, abandoned: 0 }, null) ?? sessionLost({ ...state, abandoned: 0 }, now);
    case "event":
      return handleEvent(state, input.event, input.answers, input.about ?? null, now);
    case "call":
      return phase.kind === "home" || phase.kind === "ended" ? call(state, input.userId, input) : only(state);
    case "call_again":
      return phase.kind === "ended" ? call(state, phase.user.user_id, input, phase.user) : only(state);
    case "answer": {
      const turned = turnToRing(state);
      if (turned === null) return answer(state, input, now);
      const step = answer(turned.state, input, now);
      return { ...step, effects: [...turned.effects, ...step.effects] };
    }
    case "decline":
      if (phase.kind === "joining") return declineAtTheDoor(state);
      if (phase.kind !== "incoming") return only(state);
      return end(state, "declined", true, now, [{ type: "decline", call_id: phase.callId }]);
    case "cancel":
      if (phase.kind !== "calling") return only(state);
      // The server has not named the call yet: events.ts takes it back as soon as it does.
      if (phase.callId === null) return end({ ...state, abandoned: state.abandoned + 1 }, "cancelled", true, now);
      return end(state, "cancelled", true, now, [{ type: "cancel", call_id: phase.callId }]);
    case "hang_up":
      if (phase.kind === "lobby") return home(state);
      if (phase.kind !== "in_call") return only(state);
      return end(state, phase.callId === null ? "left" : "hung_up", true, now, leaving(phase));
    case "home":
      return home(state);
    case "ring_missed":
      return ringMissed(state, input.callId, now);
    case "set_name":
      return { state, effects: [send({ type: "set_name", name: input.name.trim() })] };
    case "list_people":
    case "keep_contact":
    case "forget_contact":
    case "block":
    case "unblock":
    case "set_contacts_only":
    case "set_always_through_server":
    case "set_away":
      return peopleInput(state, input);
    case "open_link":
      return openLink(state, input.linkId);
    case "join":
      return joinRoom(state, input);
    case "invite":
    case "cancel_invite":
    case "create_link":
    case "forget_made_link":
    case "revoke_link":
    case "list_links":
    case "lock":
    case "admit":
    case "mute_other":
    case "remove_other":
    case "raise_hand":
    case "react":
    case "reaction_faded":
      return roomInput(state, input);
    case "list_history":
    case "more_history":
    case "see_history":
    case "forget_call":
    case "forget_history":
      return historyInput(state, input);
    case "load_chat":
    case "older_messages":
    case "say":
    case "say_file":
    case "file_progress":
    case "file_sent":
    case "say_again":
    case "drop_message":
    case "edit_message":
    case "delete_message":
    case "see_chat":
    case "open_past_chat":
    case "older_past_messages":
    case "close_past_chat":
      return chatInput(state, input);
    case "open_report":
    case "close_report":
      return reportInput(state, input);
    case "toggle_screen":
      return toggleScreen(state);
    case "screen_opened":
      return screenOpened(state, input.video, input.audio);
    case "screen_ended":
      if (phase.kind !== "in_call") return only(state);
      return withDevices(state, { ...state.devices, screen: "none", screenAudio: false }, [{ kind: "close_screen" }]);
    case "toggle_microphone":
      return toggleMicrophone(state);
    case "toggle_camera":
      return toggleCamera(state);
    case "retry_devices": {
      if (!usesDevices(phase)) return only(state);
      const { microphone, camera } = state.devices;
      return openDevices(state, microphone === "none", camera === "none");
    }
    case "dismiss_problems":
      return only({ ...state, refused: null, devices: { ...state.devices, problems: [] } });
    case "devices_opened":
      return devicesOpened(state, input);
    case "device_lost":
      if (!usesDevices(phase)) return only(state);
      return withDevices(state, {
        ...state.devices,
        [input.device]: "none",
        problems: [...state.devices.problems, `${input.device}_missing`],
      });
    case "path_shown":
      if (phase.kind !== "in_call" || (phase.path === input.path && phase.reason === input.reason)) return only(state);
      return only({ ...state, phase: { ...phase, path: input.path, reason: input.reason } });
    case "path_measured":
      return pathMeasured(state, input.measures);
    case "told":
      return told(state, input.message, now);
    case "media_lost":
      if (phase.kind !== "in_call") return only(state);
      // Without the server nobody else can say that the other has hung up.
      // In a room it may as well have taken the way through the server, which this page has lost.
      return end(state, input.closed && isPhoneCall(phase) ? "hung_up" : "connection_lost", false, now);
    default:
      return assertNever(input);
  }
}

function leaving(phase: InCall): Command[] {
  if (phase.serverLost) return [];
  return [
    phase.callId === null ? { type: "leave", room_id: phase.roomId } : { type: "hang_up", call_id: phase.callId },
  ];
}

function home(state: AppState): Step {
  const { phase } = state;
  switch (phase.kind) {
    case "home":
    case "ended":
      return goHome(state);
    case "joining": {
      const turned = turnToRing(state);
      if (turned !== null) return turned;
      const closed = backToTheDoor(state, null);
      const step = goHome(closed.state);
      return { ...step, effects: [...(phase.entering ? closed.effects : []), ...step.effects] };
    }
    case "lobby": {
      const step = goHome(state);
      const leave = send({ type: "leave", room_id: phase.room.room_id });
      return { ...step, effects: [leave, { kind: "stop_media", farewell: false }, ...step.effects] };
    }
    case "calling":
    case "incoming":
    case "in_call":
      return only(state);
    default:
      return assertNever(phase);
  }
}

/** A muted microphone is open all the same, as behind a room's door: it is there at once when it is wanted. */
interface StartsWith {
  microphone?: boolean;
  camera?: boolean;
}

function starting({ microphone = true, camera = true }: StartsWith): Pick<AppState, "devices" | "opensMuted"> {
  return {
    devices: { ...NO_DEVICES, microphone: "opening", camera: camera ? "opening" : "off" },
    opensMuted: !microphone,
  };
}

function openAtStart({ camera = true }: StartsWith): Effect {
  return { kind: "open_devices", microphone: true, camera };
}

/** Devices are asked for at the click, while it rings already: a permission prompt must not delay the ringing. */
function call(state: AppState, userId: string, wish: StartsWith, user = knownUser(state, userId)): Step {
  return {
    state: {
      ...state,
      refused: null,
      ...starting(wish),
      phase: { kind: "calling", userId, user, callId: null, roomId: null },
    },
    effects: [
      openAtStart(wish),
      send({ type: "call", user_id: userId, always_through_server: state.alwaysThroughServer }),
    ],
  };
}

function knownUser(state: AppState, userId: string) {
  if (state.phase.kind === "ended" && state.phase.user.user_id === userId) return state.phase.user;
  const known = state.history?.rows.find(({ user }) => user.user_id === userId)?.user;
  const named = asKnown(state, known ?? { user_id: userId, name: "" });
  return named.name === "" ? null : named;
}

function answer(state: AppState, wish: StartsWith, now: number): Step {
  const { phase } = state;
  if (phase.kind !== "incoming" || phase.answeredAt !== null) return only(state);
  return {
    state: {
      ...state,
      ...starting(wish),
      phase: { ...phase, answeredAt: now },
    },
    effects: [
      { kind: "ring", tone: null, name: "" },
      openAtStart(wish),
      // What rang is gone with its server: what rings in its place is answered as soon as it does.
      ...(state.lostRing === phase.callId
        ? []
        : [send({ type: "accept", call_id: phase.callId, always_through_server: state.alwaysThroughServer })]),
    ],
  };
}

function usesDevices(phase: Phase): boolean {
  return (
    phase.kind === "calling" ||
    phase.kind === "in_call" ||
    phase.kind === "lobby" ||
    (phase.kind === "incoming" && phase.answeredAt !== null) ||
    (phase.kind === "joining" && phase.entering)
  );
}

function openDevices(state: AppState, microphone: boolean, camera: boolean): Step {
  if (!microphone && !camera) return only(state);
  const devices: Devices = {
    ...state.devices,
    microphone: microphone ? "opening" : state.devices.microphone,
    camera: camera ? "opening" : state.devices.camera,
    problems: [],
  };
  return { state: { ...state, devices }, effects: [{ kind: "open_devices", microphone, camera }] };
}

function toggleMicrophone(state: AppState): Step {
  const { devices, phase } = state;
  if (!usesDevices(phase)) return only(state);
  switch (devices.microphone) {
    case "opening":
      return only(state);
    case "none":
      return openDevices(state, true, false);
    case "on":
    case "off": {
      const on = devices.microphone === "off";
      return withDevices(state, { ...devices, microphone: on ? "on" : "off" }, [{ kind: "set_microphone", on }]);
    }
    default:
      return assertNever(devices.microphone);
  }
}

function toggleCamera(state: AppState): Step {
  const { devices, phase } = state;
  if (!usesDevices(phase)) return only(state);
  switch (devices.camera) {
    case "opening":
      return only(state);
    case "none":
    case "off":
      return openDevices(state, false, true);
    case "on":
      // A camera that is off is closed, so that its light goes out.
      return withDevices(state, { ...devices, camera: "off" }, [{ kind: "close_camera" }]);
    default:
      return assertNever(devices.camera);
  }
}

/** What is not shown is not captured, so there is no screen that is off. */
function toggleScreen(state: AppState): Step {
  const { devices, phase } = state;
  if (phase.kind !== "in_call" || !maySend(state, "screen")) return only(state);
  switch (devices.screen) {
    case "opening":
      return only(state);
    case "none":
    case "off":
      return { state: { ...state, devices: { ...devices, screen: "opening" } }, effects: [{ kind: "open_screen" }] };
    case "on":
      return withDevices(state, { ...devices, screen: "none", screenAudio: false }, [{ kind: "close_screen" }]);
    default:
      return assertNever(devices.screen);
  }
}

function screenOpened(state: AppState, video: boolean, audio: boolean): Step {
  const { devices, phase } = state;
  if (phase.kind !== "in_call" || devices.screen !== "opening") return { state, effects: [{ kind: "close_screen" }] };
  return withDevices(state, { ...devices, screen: video ? "on" : "none", screenAudio: video && audio });
}

function devicesOpened(state: AppState, input: Extract<Input, { kind: "devices_opened" }>): Step {
  if (!usesDevices(state.phase)) return only(state);
  const opened = (was: Devices["camera"], has: boolean | null) => (has === null ? was : has ? "on" : "none");
  const muted = state.opensMuted && input.microphone === true;
  const devices: Devices = {
    ...state.devices,
    microphone: muted ? "off" : opened(state.devices.microphone, input.microphone),
    camera: opened(state.devices.camera, input.camera),
    problems: input.problems,
  };
  const effects: Effect[] = muted ? [{ kind: "set_microphone", on: false }] : [];
  // Said in any case: after a reload the server has what was on before, and a device may have gone since.
  return withDevices({ ...state, opensMuted: state.opensMuted && !muted }, devices, effects, true);
}

/** Comes many times a second: nothing is drawn again for what has not changed. */
function pathMeasured(state: AppState, measures: PathMeasures): Step {
  const { phase } = state;
  if (phase.kind !== "in_call") return only(state);
  const { roundTripMs, protocol, direct } = measures;
  const before = phase.direct;
  const isSame =
    phase.roundTripMs === roundTripMs &&
    phase.protocol === protocol &&
    before.outcome === direct.outcome &&
    before.here === direct.here &&
    before.there === direct.there;
  return isSame ? only(state) : only({ ...state, phase: { ...phase, ...measures } });
}

/** What the other page says of itself, on the direct path. The server may hear of it later, or know it already. */
function told(state: AppState, message: DirectMessage, now: number): Step {
  const { phase } = state;
  if (phase.kind !== "in_call") return only(state);
  switch (message.type) {
    case "hang_up":
      return isPhoneCall(phase) ? end(state, "hung_up", false, now, leaving(phase)) : only(state);
    case "sources": {
      if (phase.others.length !== 1) return only(state);
      const others = phase.others.map((one) => ({ ...one, sources: message.sources }));
      return { state: { ...state, phase: { ...phase, others } }, effects: [{ kind: "others_changed", others }] };
    }
    default:
      return assertNever(message);
  }
}
