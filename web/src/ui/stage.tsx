import { useEffect, useRef } from "preact/hooks";
import type { AppState, InCall, Input } from "../sdk/core/state";
import type { RemoteTracks } from "../sdk/media/remote";
import type { Tile as ViewTile } from "../sdk/protocol";
import { text } from "../texts";
import { SpeakingMutedHint } from "./call-controls";
import { CallTop } from "./call-top";
import { EmptyRoom } from "./empty-room";
import { page } from "./layout/chosen";
import { useArrangement } from "./layout/use-arrangement";
import { MessageNotice } from "./message-notice";
import { Pager } from "./pager";
import { peopleOf } from "./people";
import { SelfView } from "./self-view";
import { Tile } from "./tile";
import { Voices } from "./voices";

export interface StageProps {
  state: AppState;
  phase: InCall;
  remote: RemoteTracks;
  selfStream: MediaStream | null;
  setView: (tiles: ViewTile[]) => void;
  send: (input: Input) => void;
}

/** Everybody who is seen. The tiles lie side by side in the document in the order of coming, so that a new layout moves none of them there. */
export function Stage({ state, phase, remote, selfStream, setView, send }: StageProps) {
  const ref = useRef<HTMLDivElement>(null);
  const arrangement = useArrangement(ref, phase, setView);
  const people = peopleOf(state, phase);
  const shown = arrangement?.page ?? 0;
  // A page that is no more must not come back by itself.
  useEffect(() => {
    if (arrangement !== null) page.value = shown;
  }, [arrangement, shown]);
  const layout = arrangement?.layout ?? (phase.others.length > 1 ? "grid" : "single");
  const isAlone = layout === "alone";
  const floats = layout === "single" || isAlone;
  const tiles = [...(arrangement?.tiles ?? [])].sort(
    (one, other) =>
      people.findIndex((person) => person.participantId === one.participantId) -
        people.findIndex((person) => person.participantId === other.participantId) ||
      one.source.localeCompare(other.source),
  );
  return (
    <div class={`stage-frame ${floats ? "over" : ""}`}>
      <CallTop state={state} phase={phase}>
        <Pager shown={shown} pages={arrangement?.pages ?? 1} />
      </CallTop>
      <div class={`stage ${floats ? "" : "many"}`} ref={ref} data-testid="layout" data-layout={layout}>
        {isAlone && <EmptyRoom phase={phase} />}
        {tiles.map((tile) => {
          const person = people.find((one) => one.participantId === tile.participantId);
          return (
            person && (
              <Tile
                key={`${tile.participantId}/${tile.source}`}
                tile={tile}
                layout={layout}
                page={shown}
                person={person}
                picture={remote.get(tile.participantId)?.[tile.source] ?? null}
                selfStream={selfStream}
                iAmHost={phase.me.host}
                send={send}
              />
            )
          );
        })}
        {layout === "single" && <StageNote phase={phase} />}
        {floats && people[0] && <SelfView stream={selfStream} person={people[0]} />}
        <SpeakingMutedHint send={send} />
        <MessageNotice state={state} phase={phase} />
        <Voices remote={remote} />
      </div>
    </div>
  );
}

/** What is to be said of the one other. */
function StageNote({ phase }: { phase: InCall }) {
  const [other] = phase.others;
  if (other === undefined) return null;
  const note = other.reconnecting
    ? text("reconnecting", { name: other.user.name || other.user.user_id })
    : phase.path === null
      ? text("connecting")
      : other.sources.includes("camera")
        ? null
        : text("camera_is_off");
  return (
    <p class={`stage-note ${note ? "" : "empty"}`} role="status">
      {note}
    </p>
  );
}
