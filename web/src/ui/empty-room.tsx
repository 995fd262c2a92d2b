import type { InCall } from "../sdk/core/state";
import { roomLink } from "../sdk/user-id";
import { text } from "../texts";
import { CopyButton } from "./copy-button";

/** Nobody else is here yet. */
export function EmptyRoom({ phase }: { phase: InCall }) {
  const { link_id: linkId } = phase.room;
  const link = linkId ? roomLink(location.origin, linkId) : null;
  return (
    <div class="empty-room">
      <p class="empty-room-words">{text("nobody_here")}</p>
      {link && (
        <>
          <p class="link">{link}</p>
          <CopyButton label={text("copy_link")} value={link} />
        </>
      )}
    </div>
  );
}
