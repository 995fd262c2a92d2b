import type { UserInfo } from "../sdk/protocol";
import { text } from "../texts";

/** Stands for users of whom nothing is left. */
const GONE = "0000-0000-0000";

export function isGone(user: UserInfo): boolean {
  return user.user_id === GONE;
}

/** What a person is called on the page. */
export function nameOf(user: UserInfo | null | undefined): string {
  if (user && isGone(user)) return text("user_gone");
  return user?.name || user?.user_id || text("someone");
}

/** A coloured disc with an initial; the colour follows from the id, so a person keeps it. */
export function Avatar({ user, pulse = false }: { user: UserInfo; pulse?: boolean }) {
  const hue = [...user.user_id].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 8, 7);
  const initial = [...(user.name.trim() || user.user_id)][0] ?? "?";
  return (
    <div class={`avatar hue-${hue} ${pulse ? "pulse" : ""}`} aria-hidden="true">
      <span>{initial.toUpperCase()}</span>
    </div>
  );
}
