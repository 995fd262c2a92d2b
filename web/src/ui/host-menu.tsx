import type { Input } from "../sdk/core/state";
import type { Source } from "../sdk/protocol";
import { text } from "../texts";
import { Menu, MenuItem } from "./menu";
import { openDialog } from "./open-dialog";
import type { Person } from "./people";
import { removing } from "./remove-dialog";

interface Props {
  person: Person;
  /** Of which the menu is: only what is on can be switched off. */
  source: Extract<Source, "camera" | "screen">;
  class: string;
  send: (input: Input) => void;
}

/** What a host can do about somebody. */
export function HostMenu({ person, source, class: className, send }: Props) {
  const { name, participantId } = person;
  const mute = (what: Source) => () => send({ kind: "mute_other", participantId, source: what });
  return (
    <Menu icon="dots" testId="more-of" label={text("more_of", { name })} class={className}>
      {source === "screen" && (
        <MenuItem
          testId="stop-other-screen"
          icon="screenShareOff"
          label={text("stop_screen_of", { name })}
          onClick={mute("screen")}
        />
      )}
      {source === "camera" && person.microphone && (
        <MenuItem testId="mute-other" icon="micOff" label={text("mute_other", { name })} onClick={mute("microphone")} />
      )}
      {source === "camera" && person.camera && (
        <MenuItem
          testId="camera-off-other"
          icon="videoOff"
          label={text("camera_off_other", { name })}
          onClick={mute("camera")}
        />
      )}
      <MenuItem
        testId="remove-other"
        icon="userMinus"
        grave
        label={text("remove_other", { name })}
        onClick={() => {
          removing.value = { participantId, name };
          openDialog.value = "remove";
        }}
      />
    </Menu>
  );
}
