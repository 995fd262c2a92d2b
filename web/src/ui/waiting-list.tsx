import type { Input } from "../sdk/core/state";
import type { Waiting } from "../sdk/protocol";
import { text } from "../texts";
import { Avatar, nameOf } from "./avatar";

interface Props {
  waiting: Waiting[];
  send: (input: Input) => void;
}

/** Who stands before the door; for hosts. */
export function WaitingList({ waiting, send }: Props) {
  return (
    <ul class="people">
      {waiting.map(({ participant_id: participantId, user }) => {
        const name = nameOf(user);
        return (
          <li key={participantId} data-testid="waiting" data-participant={participantId}>
            <Avatar user={user} />
            <span class="people-name">{name}</span>
            <span class="people-end">
              <button
                type="button"
                class="quiet slim"
                data-testid="refuse"
                aria-label={text("refuse_name", { name })}
                onClick={() => send({ kind: "admit", participantId, admitted: false })}
              >
                {text("refuse")}
              </button>
              <button
                type="button"
                class="go slim"
                data-testid="admit"
                aria-label={text("admit_name", { name })}
                onClick={() => send({ kind: "admit", participantId, admitted: true })}
              >
                {text("admit")}
              </button>
            </span>
          </li>
        );
      })}
    </ul>
  );
}

/** For a host who has the list of participants closed. */
export function WaitingNotice({ waiting, send }: Props) {
  return (
    <section class="waiting-notice" role="status" data-testid="waiting-notice">
      <h2>{text(waiting.length === 1 ? "one_waits" : "some_wait", { count: waiting.length })}</h2>
      <WaitingList waiting={waiting} send={send} />
    </section>
  );
}
