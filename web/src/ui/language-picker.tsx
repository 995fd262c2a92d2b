import { changeSettings, type Language } from "../settings";
import { language, text } from "../texts";
import { Icon } from "./icon";

/** Each language by its own name: who cannot read the page has to find it. */
const NAMES: Record<Language, string> = { en: "English", de: "Deutsch", fr: "Français" };

export function LanguagePicker() {
  return (
    <label class="language" title={text("language")}>
      <Icon name="globe" />
      <span class="visually-hidden">{text("language")}</span>
      <select
        data-testid="language-select"
        value={language.value}
        onChange={(event) => changeSettings({ language: event.currentTarget.value as Language })}
      >
        {Object.entries(NAMES).map(([code, name]) => (
          <option key={code} value={code} lang={code}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
