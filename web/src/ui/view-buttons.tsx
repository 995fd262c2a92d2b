import { useEffect } from "preact/hooks";
import { type TextKey, text } from "../texts";
import { Icon, type IconName } from "./icon";
import { openDialog } from "./open-dialog";
import {
  canFullscreen,
  canPictureInPicture,
  isFullscreen,
  leaveViews,
  toggleFullscreen,
  togglePictureInPicture,
} from "./view-actions";

export function ViewButtons() {
  useEffect(() => leaveViews, []);
  const full = isFullscreen.value;
  return (
    <div class="controls-end">
      {canPictureInPicture() && (
        <Button
          testId="picture-in-picture"
          icon="pictureInPicture"
          label="picture_in_picture"
          onClick={togglePictureInPicture}
        />
      )}
      {canFullscreen() && (
        <Button
          testId="fullscreen"
          icon={full ? "fullscreenOff" : "fullscreen"}
          label={full ? "fullscreen_off" : "fullscreen"}
          onClick={toggleFullscreen}
        />
      )}
      <HelpButton />
    </div>
  );
}

export function HelpButton() {
  return (
    <Button
      testId="shortcuts"
      icon="help"
      label="shortcuts"
      onClick={() => {
        openDialog.value = "help";
      }}
    />
  );
}

interface ButtonProps {
  testId: string;
  icon: IconName;
  label: TextKey;
  onClick: () => void;
}

function Button({ testId, icon, label, onClick }: ButtonProps) {
  return (
    <button
      type="button"
      class={`plain icon-only ${testId}`}
      data-testid={testId}
      aria-label={text(label)}
      title={text(label)}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}
