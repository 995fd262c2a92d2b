import type { Participant, Room } from "./api";
import { ask } from "./question";
import { act, participants, unfold } from "./watch";
import { long, measuredWords, pathWords, trackWords } from "./words";

/** A room, and who is in it when it is unfolded. */
export function RoomRow({ room }: { room: Room }) {
  const people = participants.value[room.id];
  const name = room.name || (room.kind === "call" ? "Call" : "Room without a name");
  const where = `operator-room-${room.id}`;
  return (
    <li data-testid="operator-room">
      <div class="room">
        <button
          type="button"
          class="fold"
          aria-expanded={people !== undefined}
          aria-controls={where}
          onClick={() => unfold(room.id, people === undefined)}
        >
          {name}
        </button>
        <span class="faint">
          {room.participants} in it{room.waiting > 0 && `, ${room.waiting} waiting`}
          {room.locked && ", locked"}
        </span>
        <button
          type="button"
          class="stop at-end"
          data-testid="operator-end"
          onClick={() =>
            ask(`End “${name}” for all ${room.participants} in it?`, "End", () => act((api) => api.endRoom(room.id)))
          }
        >
          End
        </button>
      </div>
      <ul id={where} class="people" hidden={people === undefined}>
        {people?.length === 0 && <li class="faint">Nobody is in it.</li>}
        {people?.map((one) => (
          <Person key={one.id} room={room} one={one} />
        ))}
      </ul>
    </li>
  );
}

function Person({ room, one }: { room: Room; one: Participant }) {
  const name = one.name || one.user_id;
  return (
    <li data-testid="operator-person">
      <div class="who">
        <strong>{name}</strong> <span class="faint mono">{one.user_id}</span>
        <div class="faint">
          {one.waiting ? "waits to be let in" : `in it for ${long(one.since_s ?? 0)}`}
          {one.host && ", host"}
          {one.reconnecting && ", reconnecting"} · <span data-testid="operator-path">{pathWords(one.path)}</span> ·{" "}
          {one.measured && <span data-testid="operator-measured">{measuredWords(one.measured)} · </span>}
          {trackWords(one.sources)}
        </div>
      </div>
      <div class="deeds at-end">
        {one.sources.includes("microphone") && (
          <button
            type="button"
            data-testid="operator-mute"
            aria-label={`Mute ${name}`}
            onClick={() => act((api) => api.mute(room.id, one.id, "microphone"))}
          >
            Mute
          </button>
        )}
        <button
          type="button"
          data-testid="operator-remove"
          aria-label={`Remove ${name}`}
          onClick={() => ask(`Remove ${name}?`, "Remove", () => act((api) => api.remove(room.id, one.id)))}
        >
          Remove
        </button>
        <button
          type="button"
          class="stop"
          data-testid="operator-block"
          aria-label={`Block ${name}`}
          onClick={() =>
            ask(`Block ${name}? Their pages are signed out, and they cannot come back.`, "Block", () =>
              act((api) => api.block(one.user_id)),
            )
          }
        >
          Block
        </button>
      </div>
    </li>
  );
}
