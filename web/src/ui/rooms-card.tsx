import { useEffect } from "preact/hooks";
import type { AppState, Input } from "../sdk/core/state";
import type { Link } from "../sdk/protocol";
import { roomLink } from "../sdk/user-id";
import { text } from "../texts";
import { CopyButton } from "./copy-button";
import { Icon } from "./icon";
import { LinkForm } from "./link-form";
import { RoomLink } from "./room-link";

interface Props {
  state: AppState;
  send: (input: Input) => void;
}

/** Rooms of one's own: to make a link, and those that there are. */
export function RoomsCard({ state, send }: Props) {
  const { me, madeLink } = state;
  const isKnown = me !== null;
  useEffect(() => {
    if (isKnown) send({ kind: "list_links" });
  }, [isKnown, send]);
  const links = (state.links ?? []).filter((link) => link.link_id !== madeLink?.link_id);
  return (
    <section class="card rooms-card">
      <div class="rooms-make">
        <h2>{text("start_room")}</h2>
        {madeLink ? (
          <Made link={madeLink} send={send} />
        ) : (
          <>
            <p class="faint">{text("start_room_hint")}</p>
            <LinkForm disabled={!isKnown} onCreate={(wish) => send({ kind: "create_link", wish, here: false })} />
          </>
        )}
      </div>
      {links.length > 0 && (
        <div class="rooms-mine">
          <h3>{text("my_rooms")}</h3>
          <ul class="rooms">
            {links.map((link) => (
              <Row key={link.link_id} link={link} send={send} />
            ))}
          </ul>
        </div>
      )}
    </section>
  );
}

/** The link that was just made, to be given away and entered. */
function Made({ link, send }: { link: Link; send: Props["send"] }) {
  return (
    <div class="made-link" role="status">
      <p>{link.name ? text("made_link_named", { name: link.name }) : text("made_link")}</p>
      <RoomLink linkId={link.link_id}>
        <button
          type="button"
          class="go"
          data-testid="enter-room"
          onClick={() => {
            send({ kind: "forget_made_link" });
            send({ kind: "open_link", linkId: link.link_id });
          }}
        >
          <Icon name="logIn" />
          {text("enter_room")}
        </button>
        <button
          type="button"
          class="plain"
          data-testid="another-room"
          onClick={() => send({ kind: "forget_made_link" })}
        >
          {text("done")}
        </button>
      </RoomLink>
    </div>
  );
}

function Row({ link, send }: { link: Link; send: Props["send"] }) {
  const { link_id: linkId, name } = link;
  const title = name || linkId;
  return (
    <li data-testid="my-room" data-link={linkId}>
      <span class="people-name">
        <span class={name ? "" : "mono"}>{title}</span>
        <small class="faint">{factsOf(link).join(" · ")}</small>
      </span>
      <span class="people-end">
        <CopyButton label={text("copy_link")} value={roomLink(location.origin, linkId)} iconOnly />
        <button
          type="button"
          class="quiet icon-only"
          data-testid="revoke"
          aria-label={text("revoke_name", { name: title })}
          title={text("revoke")}
          onClick={() => send({ kind: "revoke_link", linkId })}
        >
          <Icon name="trash" />
        </button>
        <button
          type="button"
          class="quiet"
          data-testid="open-room"
          aria-label={text("enter_room_name", { name: title })}
          onClick={() => send({ kind: "open_link", linkId })}
        >
          {text("enter_room")}
        </button>
      </span>
    </li>
  );
}

function factsOf(link: Link): string[] {
  const { participants, expires_in_s: left, has_passphrase, lobby, single_use } = link;
  return [
    participants === 0 ? text("room_empty") : text("participants_count", { count: participants }),
    has_passphrase ? text("with_passphrase") : "",
    lobby ? text("lobby_wish") : "",
    single_use ? text("single_use") : "",
    left === undefined ? "" : lifetime(left),
  ].filter((fact) => fact !== "");
}

const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;

function lifetime(seconds: number): string {
  if (seconds >= 2 * DAY_S) return text("days_left", { count: Math.round(seconds / DAY_S) });
  if (seconds >= 2 * HOUR_S) return text("hours_left", { count: Math.round(seconds / HOUR_S) });
  return text("minutes_left", { count: Math.max(1, Math.round(seconds / 60)) });
}
