import { useEffect, useRef, useState } from "preact/hooks";
import { preview, startPreview, stopPreview } from "../media/preview";
import type { AppState, Input, Phase } from "../sdk/core/state";
import { browserDevices } from "../sdk/media/devices";
import { settings } from "../settings";
import { text } from "../texts";
import { DoorPreview } from "./door-preview";
import { Icon } from "./icon";
import { NameField } from "./name-field";
import { openDialog } from "./open-dialog";
import { Problems } from "./problems";
import { useFocus } from "./use-focus";

interface Props {
  state: AppState;
  phase: Extract<Phase, { kind: "joining" }>;
  selfStream: MediaStream | null;
  send: (input: Input) => void;
}

/** Before the door of a room: who is behind it, how one looks, and the way in. */
export function Joining({ state, phase, selfStream, send }: Props) {
  const heading = useFocus<HTMLHeadingElement>();
  const [wants, setWants] = useState({ microphone: true, camera: !settings.value.cameraOff });
  const [passphrase, setPassphrase] = useState("");
  const [missing, setMissing] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const { link, entering } = phase;
  const problem = missing ? "passphrase_needed" : phase.problem;
  const isClosed = problem === "no_such_link";
  const asksPassphrase = (link?.has_passphrase && !link.mine) || problem === "passphrase_needed";

  // Also when it did not let in: then the devices of the attempt are closed again.
  useEffect(() => {
    if (entering) return;
    let left = false;
    // Where it was allowed before, no prompt comes up that nobody asked for.
    void browserDevices(settings.value)
      .cameraGranted()
      .then((granted) => (granted && !left ? startPreview(wants.microphone, wants.camera) : undefined));
    return () => {
      left = true;
      stopPreview();
    };
  }, [entering]);
  useEffect(() => {
    if (phase.problem === "passphrase_needed") field.current?.focus();
  }, [phase.problem, entering]);

  // The dialog has a preview of its own, and takes it with it.
  const dialog = openDialog.value;
  const lastDialog = useRef(dialog);
  useEffect(() => {
    if (lastDialog.current === "devices" && dialog === null) void startPreview(wants.microphone, wants.camera);
    lastDialog.current = dialog;
  }, [dialog]);

  const change = (changes: Partial<typeof wants>) => {
    const now = { ...wants, ...changes };
    setWants(now);
    if (now.microphone || now.camera) void startPreview(now.microphone, now.camera);
    else stopPreview();
  };
  const join = (event: Event) => {
    event.preventDefault();
    if (asksPassphrase && passphrase === "") {
      setMissing(true);
      field.current?.focus();
      return;
    }
    // Some phones give a camera to one at a time.
    stopPreview();
    send({ kind: "join", passphrase: passphrase || null, ...wants });
  };

  return (
    <main class="door" data-testid="joining">
      <Problems state={state} send={send} />
      <div class="door-columns">
        {!isClosed && (
          <DoorPreview
            stream={selfStream ?? preview.value.stream}
            opening={preview.value.status === "opening" || state.devices.camera === "opening"}
            started={preview.value.status !== "off" || selfStream !== null}
            wants={wants}
            onChange={change}
          />
        )}
        <form class="door-form" onSubmit={join}>
          <div>
            <h1 ref={heading} tabIndex={-1}>
              {titleOf(phase)}
            </h1>
            <p class="faint" data-testid="room-count">
              {link && !isClosed && countOf(link.participants)}
              {!link && problem === null && text("looking_at_link")}
            </p>
          </div>
          {link?.lobby && !link.mine && !isClosed && <p class="faint small">{text("lobby_hint")}</p>}
          {problem !== null && (
            <p class="wrong" role="alert" data-testid="problem" data-code={problem}>
              {problem === "passphrase_needed" && passphrase !== "" ? text("passphrase_wrong") : text(problem)}
            </p>
          )}
          {!isClosed && <NameField name={state.me?.name ?? ""} disabled={state.me === null} send={send} />}
          {!isClosed && asksPassphrase && (
            <div class="stack">
              <label for="passphrase">{text("passphrase")}</label>
              <input
                ref={field}
                id="passphrase"
                data-testid="passphrase"
                type="password"
                value={passphrase}
                autocomplete="off"
                aria-invalid={problem === "passphrase_needed"}
                onInput={(event) => {
                  setPassphrase(event.currentTarget.value);
                  setMissing(false);
                }}
              />
            </div>
          )}
          <div class="door-buttons">
            <button type="button" class="quiet big" data-testid="back-home" onClick={() => send({ kind: "home" })}>
              <Icon name="arrowLeft" />
              {text("back_home")}
            </button>
            {!isClosed && (
              <button type="submit" class="go big" data-testid="join-room" disabled={entering || state.me === null}>
                <Icon name="logIn" />
                {text(entering ? "joining" : link?.lobby && !link.mine ? "ask_to_join" : "join")}
              </button>
            )}
          </div>
        </form>
      </div>
    </main>
  );
}

function titleOf({ link, problem }: Props["phase"]): string {
  if (problem === "no_such_link") return text("no_such_room");
  return link?.name || text("room");
}

function countOf(participants: number): string {
  if (participants === 0) return text("room_empty");
  return participants === 1 ? text("one_in_room") : text("some_in_room", { count: participants });
}
