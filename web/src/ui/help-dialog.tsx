import { changeSettings, settings } from "../settings";
import { type TextKey, text } from "../texts";
import { Dialog } from "./dialog";
import { Switch } from "./home-settings";

const KEYS: [keys: string[], meaning: TextKey][] = [
  [["A"], "answer"],
  [["D"], "decline"],
  [["M"], "key_microphone"],
  [["C"], "key_camera"],
  [["F"], "fullscreen"],
  [["P"], "picture_in_picture"],
  [["S"], "key_screen"],
  [["R"], "key_hand"],
  [["V"], "key_layout"],
  [["L"], "key_participants"],
  [["T"], "chat"],
  [["I"], "add_person"],
  [["←", "→"], "key_pages"],
  [["Shift", "H"], "hang_up"],
  [["?"], "key_help"],
];

export function HelpDialog() {
  return (
    <Dialog id="help-dialog" title={text("shortcuts")}>
      <table class="keys">
        <tbody>
          {KEYS.map(([keys, meaning]) => (
            <tr key={meaning}>
              <th scope="row">
                {keys.map((key, index) => (
                  <span key={key}>
                    {index > 0 && (key === "→" ? " " : " + ")}
                    <kbd>{key}</kbd>
                  </span>
                ))}
              </th>
              <td>{text(meaning)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="faint small">{text("key_arrows")}</p>
      <Switch
        testId="single-keys"
        on={settings.value.singleKeys}
        label={text("single_keys")}
        hint={text("single_keys_hint")}
        onChange={(singleKeys) => changeSettings({ singleKeys })}
      />
    </Dialog>
  );
}
