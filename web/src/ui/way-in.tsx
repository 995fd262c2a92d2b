import { useEffect, useState } from "preact/hooks";
import { leavePush } from "../push";
import type { AppState } from "../sdk/core/state";
import { askSignInWay, signInAddress, signInWay, signOut } from "../sign-in";
import { text } from "../texts";
import { toast } from "../toasts";
import { Icon } from "./icon";
import { openDialog } from "./open-dialog";
import { PairButtons } from "./pair-dialog";

/** Whoever signed in with a provider may sign out; a guest may sign in; and who is only an id takes it along. */
export function WayIn({ state }: { state: AppState }) {
  const [leaving, setLeaving] = useState(false);
  useEffect(() => void askSignInWay(), []);
  const way = signInWay.value;
  if (state.me === null) return null;
  if (way?.mode === "open") {
    return (
      <div class="row wrap">
        <PairButtons />
        <BrowsersButton />
      </div>
    );
  }
  if (way?.mode !== "oidc") return null;
  if (state.grants?.guest) {
    return (
      <div class="row wrap">
        <a class="button primary" data-testid="sign-in" href={signInAddress(way.url ?? "", "/", "")}>
          <Icon name="logIn" />
          {text("sign_in")}
        </a>
      </div>
    );
  }
  const leave = async () => {
    setLeaving(true);
    await leavePush();
    if (await signOut()) return;
    setLeaving(false);
    toast(text("sign_out_failed"));
  };
  return (
    <div class="row wrap">
      <BrowsersButton />
      <button type="button" class="quiet" data-testid="sign-out" disabled={leaving} onClick={() => void leave()}>
        <Icon name="logOut" />
        {text("sign_out")}
      </button>
    </div>
  );
}

function BrowsersButton() {
  return (
    <button
      type="button"
      class="quiet"
      data-testid="browsers"
      onClick={() => {
        openDialog.value = "browsers";
      }}
    >
      <Icon name="lock" />
      {text("browsers")}
    </button>
  );
}
