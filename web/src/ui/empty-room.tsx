import type { InCall } from "../state";
import { text } from "../texts";
import { roomLink } from "../user-id";
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
