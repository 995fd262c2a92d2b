import { useEffect } from "preact/hooks";
import { deviceList, refreshDeviceList, speakerInUse } from "../media/device-watch";
import { preview, startPreview, stopPreview } from "../media/preview";
import { playTestSound } from "../ring";
import { canChooseSpeaker, type Kind } from "../sdk/media/device-list";
import type { Device } from "../sdk/media/devices";
import { changeSettings, settings } from "../settings";
import { text } from "../texts";
import { Dialog } from "./dialog";
import { Switch } from "./home-settings";
import { Icon } from "./icon";
import { LevelBar } from "./level-bar";
import { ProblemTexts } from "./problems";
import { Video } from "./video";

interface Props {
  /** The own picture of the call in progress; outside a call the dialog opens one of its own. */
  inCall: boolean;
  selfStream: MediaStream | null;
  switchDevice: (device: Device) => void;
}

export function DevicesDialog({ inCall, selfStream, switchDevice }: Props) {
  useEffect(() => {
    // The click that opened the dialog asked for it.
    if (inCall) void refreshDeviceList();
    else void startPreview();
    return stopPreview;
  }, [inCall]);
  const stream = inCall ? selfStream : preview.value.stream;
  const { problems, status } = preview.value;
  const choose = (kind: Kind, id: string) => {
    changeSettings({ [kind]: id });
    if (kind === "speaker") return;
    if (inCall) switchDevice(kind);
    else void startPreview();
  };
  return (
    <Dialog id="devices-dialog" title={text("devices")}>
      <div class="device-preview">
        <Video stream={stream} testId="preview-video" class="mirror" label={text("preview")} muted hidden={!stream} />
        {!stream && (
          <p class="device-preview-note" role="status" data-opening={status === "opening" || undefined}>
            {status === "opening" ? (
              text("preview_opening")
            ) : (
              <>
                <Icon name="videoOff" />
                {text("preview_no_camera")}
              </>
            )}
          </p>
        )}
      </div>
      {!inCall && <p class="faint small">{text("devices_hint")}</p>}
      {problems.length > 0 && (
        <div class="problems" role="alert">
          <Icon name="alert" />
          <ProblemTexts codes={problems} />
          {!problems.includes("insecure_context") && (
            <button type="button" class="quiet" onClick={() => void startPreview()}>
              {text("try_again")}
            </button>
          )}
        </div>
      )}
      <div class="device-rows">
        <DeviceSelect kind="microphone" onChoose={choose} />
        <LevelBar />
        <DeviceSelect kind="camera" onChoose={choose} />
        <Switch
          testId="camera-off"
          on={settings.value.cameraOff}
          label={text("start_camera_off")}
          hint={text("start_camera_off_hint")}
          onChange={(cameraOff) => changeSettings({ cameraOff })}
        />
        {canChooseSpeaker() ? (
          <DeviceSelect kind="speaker" onChoose={choose} />
        ) : (
          <p class="faint small">{text("speaker_by_system")}</p>
        )}
        <button type="button" class="quiet" onClick={() => void playTestSound(speakerInUse.value)}>
          <Icon name="volume" />
          {text("test_speaker")}
        </button>
      </div>
    </Dialog>
  );
}

function DeviceSelect({ kind, onChoose }: { kind: Kind; onChoose: (kind: Kind, id: string) => void }) {
  const choices = deviceList.value[kind];
  const chosen = settings.value[kind];
  // One that is gone stays chosen for when it comes back; until then the system's choice is in use.
  const shown = choices.some(({ id }) => id === chosen) ? chosen : "";
  return (
    <div class="stack device-select">
      <label for={`${kind}-select`}>{text(kind)}</label>
      <select
        id={`${kind}-select`}
        data-testid={`${kind}-select`}
        value={shown}
        onChange={(event) => onChoose(kind, event.currentTarget.value)}
      >
        <option value="">{text("system_choice")}</option>
        {choices.map(({ id, label }, index) => (
          <option key={id} value={id}>
            {label || text("device_numbered", { kind: text(kind), number: index + 1 })}
          </option>
        ))}
      </select>
    </div>
  );
}
