import { useEffect } from "preact/hooks";
import { linkIdInPath } from "../sdk/user-id";
import { askSignInWay, type SignInFault, signInAddress, signInFault, signInWay } from "../sign-in";
import { type TextKey, text } from "../texts";
import { Icon } from "./icon";
import { LanguagePicker } from "./language-picker";
import { useFocus } from "./use-focus";

const SENTENCES: Record<SignInFault, TextKey> = {
  provider_away: "sign_in_provider_away",
  attempt: "sign_in_attempt",
  declined: "sign_in_declined",
  not_allowed: "sign_in_not_allowed",
  blocked: "sign_in_blocked",
  rate_limited: "rate_limited",
  failed: "sign_in_failed",
};

/** What a page shows that nobody has signed in to: where to do that. `beGuest`: comes into the room of a link without. */
export function SignIn({ beGuest }: { beGuest: (linkId: string) => void }) {
  const heading = useFocus<HTMLHeadingElement>();
  useEffect(() => void askSignInWay(), []);
  const way = signInWay.value;
  const fault = signInFault.value;
  const withProvider = way?.mode === "oidc";
  const linkId = linkIdInPath(location.pathname);
  const url =
    withProvider && way.url !== undefined ? signInAddress(way.url, location.pathname, location.search) : way?.url;
  return (
    <main class="center-page" data-testid="signed-out">
      <div class="avatar hue-7" aria-hidden="true">
        <Icon name="door" />
      </div>
      <h1 ref={heading} tabIndex={-1}>
        {text(withProvider ? "sign_in_heading" : "signed_out")}
      </h1>
      {fault !== null && (
        <p class="sign-in-fault" role="alert" data-testid="sign-in-fault" data-fault={fault}>
          {text(SENTENCES[fault])}
        </p>
      )}
      <p class="faint">{text(withProvider ? "sign_in_hint" : "signed_out_hint")}</p>
      {url !== undefined && (
        <div class="row big-row wrap">
          {withProvider && way.guests && linkId !== null && (
            <button type="button" class="quiet big" data-testid="be-guest" onClick={() => beGuest(linkId)}>
              <Icon name="door" />
              {text("be_guest")}
            </button>
          )}
          <a class={withProvider ? "button primary" : "button"} data-testid="sign-in" href={url}>
            <Icon name="logIn" />
            {text("sign_in")}
          </a>
        </div>
      )}
      <LanguagePicker />
    </main>
  );
}
