import { useEffect } from "preact/hooks";
import { wished } from "../notified";
import { asKnown, isBlocked, isContact } from "../sdk/core/people";
import type { AppState, Input } from "../sdk/core/state";
import type { HistoryRow } from "../sdk/protocol";
import { language, text } from "../texts";
import { Avatar, isGone, nameOf } from "./avatar";
import { BlockItem } from "./contacts-card";
import { formatDuration } from "./duration";
import { outcomeOf } from "./history-sentence";
import { Icon, type IconName } from "./icon";
import { Menu, MenuItem } from "./menu";
import { openDialog } from "./open-dialog";
import { openReport } from "./report/open-report";
import { whenOf } from "./when";
import { whenSeen } from "./when-seen";

interface Props {
  state: AppState;
  send: (input: Input) => void;
}

/** After so long on the screen, missed calls count as seen. */
const SEEN_AFTER_MS = 6000;

/** The calls there were, newest first. */
export function RecentCalls({ state, send }: Props) {
  const { me, history, missed } = state;
  const isKnown = me !== null;
  useEffect(() => {
    if (isKnown) send({ kind: "list_history" });
  }, [isKnown, send]);
  useEffect(
    () => (missed > 0 ? whenSeen(() => send({ kind: "see_history" }), SEEN_AFTER_MS) : undefined),
    [missed, send],
  );
  const wish = wished.value;
  const isListed = history !== null;
  useEffect(() => {
    if (wish === null || history === null) return;
    wished.value = null;
    lookAtCalls();
    const row = wish.kind === "chat" ? history.rows.find((one) => one.chat && one.user.user_id === wish.userId) : null;
    if (row) openPastChat(send, row.call_id);
  }, [wish, isListed]);
  if (history === null) return null;
  const { rows, more, asking } = history;
  return (
    <section class="card recent-card" data-testid="recent-calls" aria-labelledby="recent-title">
      <div class="recent-head">
        <h2 id="recent-title" tabIndex={-1}>
          {text("history")}
        </h2>
        {missed > 0 && (
          <span class="missed-count" data-testid="missed-count">
            {text("history_missed_count", { count: missed })}
          </span>
        )}
        {rows.length > 0 && (
          <button
            type="button"
            class="plain slim"
            data-testid="forget-all"
            onClick={() => {
              openDialog.value = "forget";
            }}
          >
            {text("history_forget_all")}
          </button>
        )}
      </div>
      {rows.length === 0 ? (
        <p class="faint">{text("history_none")}</p>
      ) : (
        <ul class="people recent">
          {rows.map((row) => (
            <Row key={row.call_id} row={row} state={state} send={send} />
          ))}
        </ul>
      )}
      {more && (
        <button
          type="button"
          class="quiet"
          data-testid="more-calls"
          disabled={asking}
          onClick={() => send({ kind: "more_history" })}
        >
          {text("history_more")}
        </button>
      )}
    </section>
  );
}

/** How many calls were missed, where it is seen without scrolling; leads to the list. */
export function MissedButton({ missed }: { missed: number }) {
  if (missed === 0) return null;
  const label = text("history_missed_count", { count: missed });
  return (
    <button
      type="button"
      class="missed-count"
      data-testid="missed-button"
      aria-label={label}
      title={label}
      onClick={lookAtCalls}
    >
      <Icon name="phoneMissed" />
      {missed}
    </button>
  );
}

function lookAtCalls(): void {
  const heading = document.getElementById("recent-title");
  heading?.scrollIntoView({ block: "start" });
  heading?.focus({ preventScroll: true });
}

function openPastChat(send: Props["send"], callId: string): void {
  send({ kind: "open_past_chat", callId });
  openDialog.value = "past_chat";
}

function Row({ row, state, send }: Props & { row: HistoryRow }) {
  const { direction, missed, seen, answered, talked_ms, call_id: callId } = row;
  const user = asKnown(state, row.user);
  const isNobodyElse = user.user_id === state.me?.userId || isGone(user);
  const name = nameOf(user);
  const when = whenOf(row.rang_at_ms, Date.now(), language.value);
  const facts = [text(outcomeOf(row)), answered ? formatDuration(talked_ms) : "", when].filter((one) => one !== "");
  const icon: IconName = missed ? "phoneMissed" : direction === "made" ? "phoneOutgoing" : "phoneIncoming";
  return (
    <li
      class={missed ? "is-missed" : ""}
      data-testid="recent-call"
      data-call={callId}
      data-reason={row.reason}
      data-missed={missed}
      data-unseen={missed && !seen}
    >
      <button
        type="button"
        class="plain recent-main"
        data-testid="call-back"
        title={text("history_call", { name })}
        onClick={() => send({ kind: "call", userId: user.user_id })}
      >
        <Avatar user={user} />
        <span class="people-name">
          <span class={user.name ? "" : "mono"}>{name}</span>
          <small class="faint">
            <Icon name={icon} />
            <span>{facts.join(" · ")}</span>
          </small>
        </span>
        {missed && !seen && <span class="unseen-mark" aria-hidden="true" />}
        <span class="visually-hidden">{text("history_call", { name })}</span>
      </button>
      <span class="people-end">
        {row.chat && (
          <button
            type="button"
            class="plain icon-only"
            data-testid="past-chat"
            aria-label={text("chat_with", { name })}
            title={text("chat_with", { name })}
            onClick={() => openPastChat(send, callId)}
          >
            <Icon name="message" />
          </button>
        )}
        {state.people !== null && !isNobodyElse && !isContact(state, user.user_id) && (
          <button
            type="button"
            class="plain icon-only"
            data-testid="add-contact"
            aria-label={text("contact_add_name", { name })}
            title={text("contact_add_name", { name })}
            onClick={() => send({ kind: "keep_contact", userId: user.user_id, name: user.name })}
          >
            <Icon name="userPlus" />
          </button>
        )}
        <Menu testId="call-more" icon="dots" label={text("history_more_name", { name, when })} class="plain icon-only">
          {state.people !== null && !isNobodyElse && (
            <BlockItem user={user} isBlocked={isBlocked(state, user.user_id)} send={send} />
          )}
          {row.report && (
            <MenuItem
              testId="open-report"
              icon="gauge"
              label={text("report_open")}
              onClick={() => openReport(send, callId)}
            />
          )}
          <MenuItem
            testId="forget-call"
            icon="trash"
            label={text("history_forget")}
            onClick={() => send({ kind: "forget_call", callId })}
          />
        </Menu>
      </span>
    </li>
  );
}
