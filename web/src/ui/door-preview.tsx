import { startPreview } from "../media/preview";
import { text } from "../texts";
import { Icon } from "./icon";
import { LevelBar } from "./level-bar";
import { openDialog } from "./open-dialog";
import { RoundButton } from "./round-button";
import { Video } from "./video";

interface Wants {
  microphone: boolean;
  camera: boolean;
}

interface Props {
  stream: MediaStream | null;
  opening: boolean;
  /** Whether camera or microphone were opened at all. */
  started: boolean;
  wants: Wants;
  onChange: (changes: Partial<Wants>) => void;
}

/** How one will look and sound to the others, and what of it is to be on. */
export function DoorPreview({ stream, opening, started, wants, onChange }: Props) {
  return (
    <div class="door-preview">
      <div class="door-picture">
        <Video stream={stream} testId="self-video" class="mirror" label={text("you")} muted hidden={!stream} />
        {!stream && (
          <div class="door-note" data-opening={opening || undefined}>
            {opening ? (
              <p>{text("preview_opening")}</p>
            ) : started || !wants.camera ? (
              <p>
                <Icon name="videoOff" /> {text(wants.camera ? "preview_no_camera" : "camera_is_off")}
              </p>
            ) : (
              <button
                type="button"
                class="quiet"
                data-testid="start-preview"
                onClick={() => void startPreview(wants.microphone, wants.camera)}
              >
                <Icon name="video" />
                {text("see_yourself")}
              </button>
            )}
          </div>
        )}
        <div class="door-toggles">
          <RoundButton
            testId="mute"
            icon={wants.microphone ? "mic" : "micOff"}
            label={text(wants.microphone ? "mute" : "unmute")}
            class={`round ${wants.microphone ? "" : "is-off"}`}
            state={wants.microphone ? "on" : "off"}
            onClick={() => onChange({ microphone: !wants.microphone })}
          />
          <RoundButton
            testId="camera"
            icon={wants.camera ? "video" : "videoOff"}
            label={text(wants.camera ? "camera_off" : "camera_on")}
            class={`round ${wants.camera ? "" : "is-off"}`}
            state={wants.camera ? "on" : "off"}
            onClick={() => onChange({ camera: !wants.camera })}
          />
          <RoundButton
            testId="devices"
            icon="settings"
            label={text("devices")}
            onClick={() => {
              openDialog.value = "devices";
            }}
          />
        </div>
      </div>
      {started && wants.microphone && <LevelBar />}
    </div>
  );
}
