import type { Input } from "../state";
import { text } from "../texts";
import { Icon } from "./icon";
import { isSameTile, type TileId } from "./layout/arrange";
import { pinned, togglePin } from "./layout/chosen";
import { Menu, MenuItem } from "./menu";
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
  const { name, participantId } = person;
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
      {iAmHost && !person.isMe && (
        <Menu icon="dots" label={text("more_of", { name })} class="tile-button tile-more">
          {tile.source === "screen" ? (
            <MenuItem
              testId="mute-other"
              icon="screenShareOff"
              label={text("stop_screen_of", { name })}
              onClick={() => send({ kind: "mute_other", participantId, source: "screen" })}
            />
          ) : (
            person.microphone && (
              <MenuItem
                testId="mute-other"
                icon="micOff"
                label={text("mute_other", { name })}
                onClick={() => send({ kind: "mute_other", participantId, source: "microphone" })}
              />
            )
          )}
          <MenuItem
            testId="remove-other"
            icon="userMinus"
            grave
            label={text("remove_other", { name })}
            onClick={() => send({ kind: "remove_other", participantId })}
          />
        </Menu>
      )}
    </div>
  );
}
