import type { InCall } from "../sdk/core/state";
import { text } from "../texts";
import type { ControlsProps } from "./call-controls";
import { ChatButton } from "./chat-button";
import { toggleMode } from "./layout/chosen";
import { canChooseLayout, hasFocus, modeNow } from "./layout/use-arrangement";
import { openDialog } from "./open-dialog";
import { openPanel, togglePanel } from "./open-panel";
import { RoundButton } from "./round-button";
import {
  canFullscreen,
  canPictureInPicture,
  isFullscreen,
  toggleFullscreen,
  togglePictureInPicture,
} from "./view-actions";

export function ViewButtons({ state, phase, send }: Pick<ControlsProps, "state" | "phase" | "send">) {
  const full = isFullscreen.value;
  const grid = modeNow(phase) === "grid";
  return (
    <div class="controls-end">
      {canChooseLayout(phase) && (
        <RoundButton
          testId="switch-layout"
          icon={grid ? "speakerView" : "grid"}
          label={text(grid ? "layout_speaker" : "layout_grid")}
          class="plain icon-only"
          hotkey="V"
          onClick={() => toggleMode(hasFocus(phase))}
        />
      )}
      <RoundButton
        testId="add-person"
        icon="userPlus"
        label={text("add_person")}
        class="plain icon-only"
        hotkey="I"
        onClick={() => {
          openDialog.value = "add";
        }}
      />
      <ParticipantsButton phase={phase} class="plain icon-only" />
      <ChatButton state={state} phase={phase} class="plain icon-only" send={send} />
      {canPictureInPicture() && (
        <RoundButton
          testId="picture-in-picture"
          icon="pictureInPicture"
          label={text("picture_in_picture")}
          class="plain icon-only picture-in-picture"
          hotkey="P"
          onClick={togglePictureInPicture}
        />
      )}
      {canFullscreen() && (
        <RoundButton
          testId="fullscreen"
          icon={full ? "fullscreenOff" : "fullscreen"}
          label={text(full ? "fullscreen_off" : "fullscreen")}
          class="plain icon-only"
          hotkey="F"
          onClick={toggleFullscreen}
        />
      )}
      <HelpButton />
    </div>
  );
}

/** How many are here, and whether somebody waits for the host. */
export function ParticipantsButton({ phase, class: className }: { phase: InCall; class: string }) {
  const waiting = phase.waiting.length;
  const label = text("participants_count", { count: phase.others.length + 1 });
  return (
    <RoundButton
      testId="participants"
      icon="users"
      label={waiting > 0 ? `${label}. ${text("waiting_count", { count: waiting })}` : label}
      class={`${className} counted ${openPanel.value === "participants" ? "is-open" : ""}`}
      hotkey="L"
      expanded={openPanel.value === "participants"}
      onClick={() => togglePanel("participants")}
    >
      <span class={`count ${waiting > 0 ? "calls" : ""}`} aria-hidden="true">
        {waiting > 0 ? `+${waiting}` : phase.others.length + 1}
      </span>
    </RoundButton>
  );
}

export function HelpButton() {
  return (
    <RoundButton
      testId="shortcuts"
      icon="help"
      label={text("shortcuts")}
      class="plain icon-only shortcuts"
      hotkey="?"
      onClick={() => {
        openDialog.value = "help";
      }}
    />
  );
}
