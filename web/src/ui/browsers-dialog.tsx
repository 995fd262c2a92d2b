import { useEffect } from "preact/hooks";
import { type Browsers, signedIn } from "../browsers";
import type { Browser } from "../sdk/protocol";
import { language, text } from "../texts";
import { Dialog } from "./dialog";
import { Icon } from "./icon";
import { whenOf } from "./when";

interface Props {
  browsers: Pick<Browsers, "ask" | "signOut">;
}

/** In which browsers this user is signed in, and the way to sign others out. */
export function BrowsersDialog({ browsers }: Props) {
  useEffect(() => browsers.ask(), [browsers]);
  return (
    <Dialog id="browsers-dialog" title={text("browsers")}>
      <Body browsers={browsers} />
    </Dialog>
  );
}

function Body({ browsers }: Props) {
  const { list, leaving, problem } = signedIn.value;
  const others = list?.filter((one) => !one.is_this) ?? [];
  return (
    <>
      {problem !== null && (
        <p class="wrong" role="alert" data-testid="browsers-problem">
          {text(problem)}
        </p>
      )}
      {list === null && problem === null && (
        <p class="faint" aria-live="polite">
          {text("browsers_asking")}
        </p>
      )}
      {list !== null && (
        <ul class="people browsers">
          {list.map((one) => (
            <Row
              key={one.browser_id}
              browser={one}
              isLeaving={leaving.has(one.browser_id)}
              signOut={() => browsers.signOut(one.browser_id)}
            />
          ))}
        </ul>
      )}
      {list !== null && others.length === 0 && <p class="faint small">{text("browsers_only_this")}</p>}
      {others.length > 1 && (
        <div class="row wrap">
          <button
            type="button"
            class="quiet"
            data-testid="sign-out-others"
            disabled={leaving.size > 0}
            onClick={() => browsers.signOut(null)}
          >
            <Icon name="logOut" />
            {text("browsers_sign_out_others")}
          </button>
        </div>
      )}
    </>
  );
}

function Row({ browser, isLeaving, signOut }: { browser: Browser; isLeaving: boolean; signOut: () => void }) {
  const name = browser.name || text("browsers_unknown");
  const when = whenOf(browser.seen_at_ms, Date.now(), language.value);
  return (
    <li data-testid="browser" data-this={browser.is_this}>
      <Icon name="devices" />
      <span class="people-name">
        <span>{name}</span>
        <small class="faint">{browser.is_this ? text("browsers_this") : text("browsers_seen", { when })}</small>
      </span>
      {!browser.is_this && (
        <button
          type="button"
          class="quiet"
          data-testid="sign-browser-out"
          aria-label={text("browsers_sign_out_name", { name })}
          disabled={isLeaving}
          onClick={signOut}
        >
          {text("browsers_sign_out")}
        </button>
      )}
    </li>
  );
}
