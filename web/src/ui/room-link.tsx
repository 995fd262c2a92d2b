import type { ComponentChildren } from "preact";
import { roomLink } from "../sdk/user-id";
import { text } from "../texts";
import { CopyButton } from "./copy-button";
import { LocalHint } from "./local-hint";
import { Qr } from "./qr";

/** A link into a room, to be given to others. */
export function RoomLink({ linkId, children }: { linkId: string; children?: ComponentChildren }) {
  const link = roomLink(location.origin, linkId);
  return (
    <div class="me-link">
      <figure>
        <Qr value={link} alt={text("room_qr")} />
      </figure>
      <div class="stack">
        <span class="link" data-testid="room-link">
          {link}
        </span>
        <div class="row wrap">
          <CopyButton testId="copy-room-link" label={text("copy_link")} value={link} />
          {children}
        </div>
      </div>
      <LocalHint />
    </div>
  );
}
