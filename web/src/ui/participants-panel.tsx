import type { AppState, InCall, Input } from "../sdk/core/state";
import { text } from "../texts";
import { Avatar } from "./avatar";
import { Switch } from "./home-settings";
import { HostMenu } from "./host-menu";
import { Icon } from "./icon";
import { InvitedList } from "./invited-list";
import { openDialog } from "./open-dialog";
import { Panel } from "./panel";
import { type Person, peopleOf } from "./people";
import { WaitingList } from "./waiting-list";

interface Props {
  state: AppState;
  phase: InCall;
  send: (input: Input) => void;
}

/** Everybody in the room, whoever is seen; and what a host decides about it. */
export function ParticipantsPanel({ state, phase, send }: Props) {
  const { me, waiting, room } = phase;
  const people = inOrder(peopleOf(state, phase));
  return (
    <Panel testId="participants-panel" title={text("participants_count", { count: people.length })}>
      <div class="panel-scroll">
        {me.host && waiting.length > 0 && (
          <section>
            <h3>{text("waiting_count", { count: waiting.length })}</h3>
            <WaitingList waiting={waiting} send={send} />
          </section>
        )}
        <ul class="people">
          {people.map((person) => (
            <Row key={person.participantId} person={person} iAmHost={me.host} send={send} />
          ))}
        </ul>
        <InvitedList invited={phase.invited} send={send} />
      </div>
      <div class="panel-foot">
        <button
          type="button"
          class="quiet"
          data-testid="add-person-panel"
          onClick={() => {
            openDialog.value = "add";
          }}
        >
          <Icon name="userPlus" />
          {text("add_person")}
        </button>
        {me.host && (
          <Switch
            testId="lock"
            on={room.locked}
            label={text("lock")}
            hint={text("lock_hint")}
            onChange={(locked) => send({ kind: "lock", locked })}
          />
        )}
      </div>
    </Panel>
  );
}

function Row({ person, iAmHost, send }: { person: Person; iAmHost: boolean; send: Props["send"] }) {
  const { name, isMe, host, hand, microphone, reconnecting } = person;
  const note = [
    isMe && person.user.name ? text("you") : "",
    host ? text("host") : "",
    reconnecting ? text("is_reconnecting") : "",
  ].filter((one) => one !== "");
  return (
    <li
      data-testid="participant"
      data-participant={person.participantId}
      data-host={host}
      data-hand={hand ?? undefined}
    >
      <Avatar user={person.user} />
      <span class="people-name">
        <span>{isMe ? person.user.name || name : name}</span>
        {note.length > 0 && <small class="faint">{note.join(", ")}</small>}
      </span>
      <span class="people-end">
        {hand !== null && (
          <span class="hand-chip" title={text("hand_place", { place: hand })}>
            <Icon name="hand" />
            <span aria-hidden="true">{hand}</span>
            <span class="visually-hidden">{text("hand_place", { place: hand })}</span>
          </span>
        )}
        <span class={`people-mic ${person.speaking && microphone ? "speaks" : ""} ${microphone ? "" : "is-muted"}`}>
          <Icon name={microphone ? "mic" : "micOff"} />
          {!microphone && <span class="visually-hidden">{text("muted")}</span>}
        </span>
        {iAmHost && !isMe ? <HostMenu person={person} source="camera" class="plain icon-only" send={send} /> : <i />}
      </span>
    </li>
  );
}

/** Raised hands in their order, then everybody in the order of coming. */
function inOrder(people: Person[]): Person[] {
  const place = ({ hand }: Person) => hand ?? Number.POSITIVE_INFINITY;
  return [...people].sort((one, other) => (place(one) === place(other) ? 0 : place(one) - place(other)));
}
