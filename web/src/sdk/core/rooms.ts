/** The part of the state machine that does what the user wants of a room. */

import { assertNever } from "../assert";
import type { Command } from "../protocol";
import { ringOf, SILENCE } from "./ring";
import { type AppState, type InCall, type Input, NO_DEVICES, type Step } from "./state";
import { only, send } from "./steps";

type Of<K extends Input["kind"]> = Extract<Input, { kind: K }>;

type RoomInput = Of<
  | "invite"
  | "cancel_invite"
  | "create_link"
  | "forget_made_link"
  | "revoke_link"
  | "list_links"
  | "lock"
  | "admit"
  | "mute_other"
  | "remove_other"
  | "raise_hand"
  | "react"
  | "reaction_faded"
>;

/** The door of a link's room: what is behind it is asked as soon as there is a session to ask with. */
export function openLink(state: AppState, linkId: string): Step {
  const { phase } = state;
  const rings = phase.kind === "joining" ? phase.rings : ringOf(phase);
  if (phase.kind !== "home" && phase.kind !== "ended" && phase.kind !== "joining" && rings === null) return only(state);
  return {
    state: {
      ...state,
      refused: null,
      devices: NO_DEVICES,
      phase: { kind: "joining", linkId, link: null, problem: null, entering: false, passphrase: null, rings },
    },
    effects: [{ kind: "enter_link", linkId }, ...(state.me === null ? [] : [lookAt(linkId)])],
  };
}

export function lookAt(linkId: string) {
  return send({ type: "look_at_link", link_id: linkId });
}

export function joinRoom(state: AppState, { passphrase, microphone, camera }: Of<"join">): Step {
  const { phase } = state;
  if (phase.kind !== "joining" || phase.entering) return only(state);
  return {
    state: {
      ...state,
      refused: null,
      // A muted microphone is open all the same, as in a call: it is there at once when it is wanted.
      devices: { ...NO_DEVICES, microphone: "opening", camera: camera ? "opening" : "off" },
      opensMuted: !microphone,
      phase: { ...phase, problem: null, entering: true, passphrase, rings: null },
    },
    effects: [
      // A session has one call or one room: who goes into this one does not answer.
      ...(phase.rings === null ? [] : [send({ type: "decline", call_id: phase.rings.callId }), ...SILENCE]),
      { kind: "open_devices", microphone: true, camera },
      send({
        type: "join",
        link_id: phase.linkId,
        passphrase,
        always_through_server: state.alwaysThroughServer,
      }),
    ],
  };
}

export function roomInput(state: AppState, input: RoomInput): Step {
  switch (input.kind) {
    case "create_link": {
      const { phase } = state;
      const room_id = input.here && phase.kind === "in_call" ? phase.roomId : null;
      return {
        state: { ...state, refused: null },
        effects: [send({ type: "create_link", room_id, ...input.wish })],
      };
    }
    case "forget_made_link":
      return only({ ...state, madeLink: null });
    case "revoke_link": {
      const links = state.links?.filter(({ link_id }) => link_id !== input.linkId) ?? null;
      const madeLink = state.madeLink?.link_id === input.linkId ? null : state.madeLink;
      return {
        state: { ...state, links, madeLink },
        effects: [send({ type: "revoke_link", link_id: input.linkId })],
      };
    }
    case "list_links":
      return { state, effects: [send({ type: "list_links" })] };
    case "invite":
    case "cancel_invite":
    case "lock":
    case "admit":
    case "mute_other":
    case "remove_other":
    case "raise_hand":
    case "react":
    case "reaction_faded":
      return state.phase.kind === "in_call" ? inRoom(state, state.phase, input) : only(state);
    default:
      return assertNever(input);
  }
}

function inRoom(
  state: AppState,
  phase: InCall,
  input: Exclude<RoomInput, Of<"create_link" | "forget_made_link" | "revoke_link" | "list_links">>,
): Step {
  const room_id = phase.roomId;
  const sent = (command: Command): Step => ({ state, effects: [send(command)] });
  switch (input.kind) {
    case "invite": {
      const isThere = phase.invited.some(({ userId }) => userId === input.userId);
      if (isThere) return only(state);
      const invited = [...phase.invited, { callId: null, userId: input.userId, user: null }];
      return {
        state: { ...state, refused: null, phase: { ...phase, invited } },
        effects: [send({ type: "invite", room_id, user_id: input.userId })],
      };
    }
    case "cancel_invite": {
      const gone = phase.invited.find(({ userId }) => userId === input.userId);
      const invited = phase.invited.filter((one) => one !== gone);
      // One that the server has not named yet is cancelled when it does: see room-events.ts.
      const effects = gone?.callId ? [send({ type: "cancel", call_id: gone.callId })] : [];
      return { state: { ...state, phase: { ...phase, invited } }, effects };
    }
    case "lock":
      return sent({ type: "lock", room_id, locked: input.locked });
    case "admit":
      return sent({ type: "admit", room_id, participant_id: input.participantId, admitted: input.admitted });
    case "mute_other":
      return sent({ type: "mute", room_id, participant_id: input.participantId, source: input.source });
    case "remove_other":
      return sent({ type: "remove", room_id, participant_id: input.participantId });
    case "raise_hand":
      return sent({ type: "raise_hand", room_id, raised: input.raised });
    case "react":
      return sent({ type: "react", room_id, reaction: input.reaction });
    case "reaction_faded":
      return only({
        ...state,
        phase: { ...phase, reactions: phase.reactions.filter(({ id }) => id !== input.id) },
      });
    default:
      return assertNever(input);
  }
}
