import { useState } from "preact/hooks";
import type { LinkWish } from "../sdk/protocol";
import { type TextKey, text } from "../texts";
import { Switch } from "./home-settings";
import { Icon } from "./icon";

const HOUR_S = 3600;
const LIFETIMES: [seconds: number | null, words: TextKey][] = [
  [null, "expires_never"],
  [HOUR_S, "expires_hour"],
  [24 * HOUR_S, "expires_day"],
  [7 * 24 * HOUR_S, "expires_week"],
];

/** What a link into a room is to be like. */
export function LinkForm({ disabled, onCreate }: { disabled: boolean; onCreate: (wish: LinkWish) => void }) {
  const [name, setName] = useState("");
  const [passphrase, setPassphrase] = useState("");
  const [lifetime, setLifetime] = useState(0);
  const [singleUse, setSingleUse] = useState(false);
  const [lobby, setLobby] = useState(false);
  const create = (event: Event) => {
    event.preventDefault();
    onCreate({
      name: name.trim(),
      passphrase: passphrase || null,
      expires_in_s: LIFETIMES[lifetime]?.[0] ?? null,
      single_use: singleUse,
      lobby,
    });
  };
  return (
    <form class="link-form" onSubmit={create}>
      <div class="stack">
        <label for="room-name">{text("room_name")}</label>
        <div class="field-row">
          <input
            id="room-name"
            data-testid="room-name"
            value={name}
            maxLength={64}
            placeholder={text("room_name_placeholder")}
            autocomplete="off"
            onInput={(event) => setName(event.currentTarget.value)}
          />
          <button type="submit" class="primary" data-testid="create-room" disabled={disabled}>
            <Icon name="link" />
            {text("create_link")}
          </button>
        </div>
      </div>
      <details class="link-options">
        <summary data-testid="link-options">{text("link_options")}</summary>
        <div class="link-options-body">
          <div class="stack">
            <label for="room-passphrase">{text("passphrase_optional")}</label>
            <input
              id="room-passphrase"
              data-testid="room-passphrase"
              value={passphrase}
              maxLength={64}
              autocomplete="off"
              autocapitalize="off"
              spellcheck={false}
              onInput={(event) => setPassphrase(event.currentTarget.value)}
            />
          </div>
          <div class="stack">
            <label for="room-expiry">{text("expires")}</label>
            <select
              id="room-expiry"
              data-testid="room-expiry"
              value={lifetime}
              onChange={(event) => setLifetime(Number(event.currentTarget.value))}
            >
              {LIFETIMES.map(([, words], index) => (
                <option key={words} value={index}>
                  {text(words)}
                </option>
              ))}
            </select>
          </div>
          <Switch
            testId="room-lobby"
            on={lobby}
            label={text("lobby_wish")}
            hint={text("lobby_wish_hint")}
            onChange={setLobby}
          />
          <Switch
            testId="room-single-use"
            on={singleUse}
            label={text("single_use")}
            hint={text("single_use_hint")}
            onChange={setSingleUse}
          />
        </div>
      </details>
    </form>
  );
}
