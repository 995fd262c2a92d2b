import type { Person } from "./people";
import { GLYPHS } from "./reactions";

/** What somebody reacted with in the last seconds, over their picture. */
export function Bubbles({ person }: { person: Person }) {
  return (
    <div class="bubbles" aria-hidden="true">
      {person.reactions.map(({ id, reaction }) => (
        <span key={id} class="bubble">
          {GLYPHS[reaction]}
        </span>
      ))}
    </div>
  );
}
