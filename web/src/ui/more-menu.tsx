import { deviceList } from "../media/device-watch";
import { maySend } from "../sdk/core/state";
import { changeSettings } from "../settings";
import { text } from "../texts";
import type { ControlsProps } from "./call-controls";
import { toggleMode } from "./layout/chosen";
import { canChooseLayout, hasFocus, modeNow } from "./layout/use-arrangement";
import { Menu, MenuItem } from "./menu";
import { openDialog } from "./open-dialog";
import { canShareScreen, isGroup, ReactionItems } from "./room-buttons";
import { canFullscreen, isFullscreen, toggleFullscreen } from "./view-actions";

/** The id of the camera after the one in use; null: there is no other. */
function nextCamera(selfStream: MediaStream | null): string | null {
  const cameras = deviceList.value.camera;
  const used = selfStream?.getVideoTracks()[0]?.getSettings().deviceId;
  const next = cameras[(cameras.findIndex(({ id }) => id === used) + 1) % cameras.length];
  return next === undefined || next.id === used ? null : next.id;
}

/** What finds no place side by side on a phone. */
export function MoreMenu({ state, phase, selfStream, switchDevice, send }: ControlsProps) {
  const other = state.devices.camera === "on" ? nextCamera(selfStream) : null;
  const sharing = state.devices.screen === "on";
  const raised = phase.me.hand !== null;
  const grid = modeNow(phase) === "grid";
  return (
    <Menu testId="more" icon="dots" label={text("more")} class="round">
      {isGroup(phase) && state.grants?.data !== false && (
        <>
          <ReactionItems send={send} />
          <MenuItem
            testId="raise-hand"
            icon="hand"
            label={text(raised ? "lower_hand" : "raise_hand")}
            onClick={() => send({ kind: "raise_hand", raised: !raised })}
          />
        </>
      )}
      {canShareScreen() && maySend(state, "screen") && (
        <MenuItem
          testId="share-screen"
          icon={sharing ? "screenShareOff" : "screenShare"}
          label={text(sharing ? "stop_sharing" : "share_screen")}
          onClick={() => send({ kind: "toggle_screen" })}
        />
      )}
      {other !== null && (
        <MenuItem
          testId="other-camera"
          icon="switchCamera"
          label={text("other_camera")}
          onClick={() => {
            changeSettings({ camera: other });
            switchDevice("camera");
          }}
        />
      )}
      <MenuItem
        testId="add-person"
        icon="userPlus"
        label={text("add_person")}
        onClick={() => {
          openDialog.value = "add";
        }}
      />
      {canChooseLayout(phase) && (
        <MenuItem
          testId="switch-layout"
          icon={grid ? "speakerView" : "grid"}
          label={text(grid ? "layout_speaker" : "layout_grid")}
          onClick={() => toggleMode(hasFocus(phase))}
        />
      )}
      <MenuItem
        testId="devices"
        icon="settings"
        label={text("devices")}
        onClick={() => {
          openDialog.value = "devices";
        }}
      />
      {canFullscreen() && (
        <MenuItem
          testId="fullscreen"
          icon={isFullscreen.value ? "fullscreenOff" : "fullscreen"}
          label={text(isFullscreen.value ? "fullscreen_off" : "fullscreen")}
          onClick={toggleFullscreen}
        />
      )}
    </Menu>
  );
}
