import { useEffect, useState } from "preact/hooks";
import { text } from "../texts";
import { Icon } from "./icon";
import { useFocus } from "./use-focus";

/** What a page shows that has no token, or one that is not good any more: where to get one. */
export function SignIn() {
  const heading = useFocus<HTMLHeadingElement>();
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    // Without an answer the words have to do.
    void signInUrl().then(setUrl, () => {});
  }, []);
  return (
    <main class="center-page" data-testid="signed-out">
      <div class="avatar hue-7" aria-hidden="true">
        <Icon name="door" />
      </div>
      <h1 ref={heading} tabIndex={-1}>
        {text("signed_out")}
      </h1>
      <p class="faint">{text("signed_out_hint")}</p>
      {url !== null && (
        <div class="row big-row">
          <a class="button" data-testid="sign-in" href={url}>
            <Icon name="logIn" />
            {text("sign_in")}
          </a>
        </div>
      )}
    </main>
  );
}

async function signInUrl(): Promise<string | null> {
  const answer = await fetch("/api/v1/server");
  const { sign_in } = (await answer.json()) as { sign_in?: { url?: string } };
  return sign_in?.url ?? null;
}
