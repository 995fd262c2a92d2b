import type { Input } from "../sdk/core/state";
import { text } from "../texts";
import { HostMenu } from "./host-menu";
import { Icon } from "./icon";
import { isSameTile, type TileId } from "./layout/arrange";
import { pinned, togglePin } from "./layout/chosen";
import type { Person } from "./people";

interface Props {
  tile: TileId;
  person: Person;
  iAmHost: boolean;
  send: (input: Input) => void;
}

/** What can be done with a tile: there when the pointer or the focus is on it. */
export function TileActions({ tile, person, iAmHost, send }: Props) {
  const isPinned = isSameTile(pinned.value, tile);
  const { name } = person;
  const pin = text(isPinned ? "unpin" : "pin", { name });
  return (
    <div class={`tile-actions ${isPinned ? "pinned" : ""}`}>
      <button
        type="button"
        class="tile-button"
        data-testid="pin"
        aria-label={pin}
        title={pin}
        aria-pressed={isPinned}
        onClick={() => togglePin({ participantId: tile.participantId, source: tile.source })}
      >
        <Icon name={isPinned ? "pinOff" : "pin"} />
      </button>
      {iAmHost && !person.isMe && <HostMenu person={person} source={tile.source} class="tile-button" send={send} />}
    </div>
  );
}
