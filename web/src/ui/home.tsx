import { type AppState, type Input, mayBeCalled, mayCall } from "../sdk/core/state";
import { callLink } from "../sdk/user-id";
import { text } from "../texts";
import { CheckNotice } from "./check-notice";
import { ContactsCard } from "./contacts-card";
import { CopyButton } from "./copy-button";
import { HomeSettings } from "./home-settings";
import { Icon } from "./icon";
import { LanguagePicker } from "./language-picker";
import { isLocal, LocalHint } from "./local-hint";
import { NameField } from "./name-field";
import { Qr } from "./qr";
import { MissedButton, RecentCalls } from "./recent-calls";
import { RoomsCard } from "./rooms-card";
import { useFocus } from "./use-focus";
import { UserIdForm } from "./user-id-form";
import { HelpButton } from "./view-buttons";
import { WayIn } from "./way-in";

interface Props {
  state: AppState;
  send: (input: Input) => void;
}

export function Home({ state, send }: Props) {
  const heading = useFocus<HTMLHeadingElement>();
  const room = state.grants?.room;
  return (
    <main class="home">
      <header class="brand">
        <img src="/favicon.svg" alt="" width={36} height={36} />
        <div>
          <h1 ref={heading} tabIndex={-1}>
            {text("app_name")}
          </h1>
          <p class="faint">{text("home_tagline")}</p>
        </div>
        <div class="brand-end">
          <MissedButton missed={state.missed} />
          <HelpButton />
          <LanguagePicker />
        </div>
      </header>
      <CheckNotice />
      {state.link && <LinkCard state={state} send={send} link={state.link} />}
      <div class="cards">
        <div class="cards-column">
          {room !== undefined && <OwnRoomCard send={send} linkId={room} guest={state.grants?.guest === true} />}
          {mayCall(state) && <CallCard state={state} send={send} />}
          <ContactsCard state={state} send={send} />
          <RecentCalls state={state} send={send} />
        </div>
        <div class="cards-column">
          <MeCard state={state} send={send} />
          {mayCall(state) && <RoomsCard state={state} send={send} />}
          {mayCall(state) && <SettingsCard state={state} send={send} />}
        </div>
      </div>
    </main>
  );
}

function LinkCard({ state, send, link }: Props & { link: string }) {
  return (
    <section class="card link-card">
      <div>
        <h2>{text("link_heading", { id: link })}</h2>
        <p class="faint">{text(state.me?.userId === link ? "link_own" : "link_hint")}</p>
      </div>
      <div class="row">
        <button type="button" class="quiet" onClick={() => send({ kind: "home" })}>
          {text("link_dismiss")}
        </button>
        <button type="button" class="go" data-testid="call-link" onClick={() => send({ kind: "call", userId: link })}>
          <Icon name="phone" />
          {text("call")}
        </button>
      </div>
    </section>
  );
}

/** The room that the token of this page is for, or that a guest came to. */
function OwnRoomCard({ send, linkId, guest }: { send: Props["send"]; linkId: string; guest: boolean }) {
  return (
    <section class="card">
      <h2>{text("own_room")}</h2>
      <p class="faint">{text(guest ? "guest_hint" : "own_room_hint")}</p>
      <div class="row">
        <button type="button" class="go" data-testid="own-room" onClick={() => send({ kind: "open_link", linkId })}>
          <Icon name="logIn" />
          {text("enter_room")}
        </button>
      </div>
    </section>
  );
}

function CallCard({ state, send }: Props) {
  return (
    <section class="card">
      <h2>{text("call_heading")}</h2>
      <UserIdForm
        inputId="call-input"
        buttonId="call"
        label={text("call_input")}
        action={text("call")}
        typed={state.link ?? ""}
        onUserId={(userId) => send({ kind: "call", userId })}
        onLinkId={(linkId) => send({ kind: "open_link", linkId })}
        keeps
      />
    </section>
  );
}

function SettingsCard({ state, send }: Props) {
  return (
    <section class="card">
      <h2>{text("settings")}</h2>
      <HomeSettings state={state} send={send} />
    </section>
  );
}

function MeCard({ state, send }: Props) {
  const { me } = state;
  const link = me ? callLink(location.origin, me.userId) : "";
  return (
    <section class="card">
      <h2>{text("my_id")}</h2>
      {me ? (
        <>
          <div class="id-row">
            <span class="my-id mono" data-testid="my-id">
              {me.userId}
            </span>
            <CopyButton label={text("copy_id")} value={me.userId} />
          </div>
          {mayBeCalled(state) && (
            <div class="me-link">
              <figure>
                <Qr value={link} />
                {!isLocal() && <figcaption class="faint">{text("qr_hint")}</figcaption>}
              </figure>
              <div class="stack">
                <span class="label">{text("my_link")}</span>
                <span class="link" data-testid="call-url">
                  {link}
                </span>
                <CopyButton label={text("copy_link")} value={link} />
              </div>
              <LocalHint />
            </div>
          )}
        </>
      ) : (
        <p class="faint" aria-live="polite">
          {text("getting_id")}
        </p>
      )}
      <hr />
      <NameField name={me?.name ?? ""} disabled={me === null || state.grants?.rename === false} send={send} />
      <WayIn state={state} />
    </section>
  );
}
