import { useRef } from "preact/hooks";
import { PastCalls } from "./past-calls";
import { ask, Question } from "./question";
import { RoomRow } from "./room-row";
import { act, api, problem, rooms, signIn, signOut, status } from "./watch";
import { long } from "./words";

/** The page of whoever operates the server. */
export function OperatorView() {
  return (
    <main>
      <div role="alert">{problem.value !== "" && <p class="problem">{problem}</p>}</div>
      {api.value === null ? <SignIn /> : <Overview />}
      <Question />
    </main>
  );
}

function SignIn() {
  const field = useRef<HTMLInputElement>(null);
  return (
    <form
      class="card sign-in"
      onSubmit={(event) => {
        event.preventDefault();
        void signIn(field.current?.value.trim() ?? "");
      }}
    >
      <h1>Operate this server</h1>
      <label for="key">A key of api.keys</label>
      <input ref={field} id="key" type="password" autocomplete="off" required data-testid="operator-key" />
      <p class="faint">It is kept in this tab until you close it. Whoever has it may end every call.</p>
      <button type="submit" class="go" data-testid="operator-open">
        Open
      </button>
    </form>
  );
}

function Overview() {
  const now = status.value;
  if (now === null) return null;
  const busiest = Math.max(0, ...now.workers.map((worker) => worker.busy));
  return (
    <>
      <header>
        <h1>Tandem {now.version}</h1>
        <span class="faint">runs for {long(now.uptime_s)}</span>
        <div class="deeds at-end">
          {now.draining ? (
            <button type="button" data-testid="operator-undrain" onClick={() => act((api) => api.drain(false))}>
              Take new calls again
            </button>
          ) : (
            <button
              type="button"
              data-testid="operator-drain"
              onClick={() =>
                ask("Drain this server? Calls go on, but nobody can begin or join one.", "Drain", () =>
                  act((api) => api.drain(true)),
                )
              }
            >
              Drain
            </button>
          )}
          <button type="button" onClick={signOut}>
            Sign out
          </button>
        </div>
      </header>
      {now.draining && (
        <p class="notice" data-testid="operator-draining">
          Drained: no new calls, rooms and joins. What runs goes on.
        </p>
      )}
      <dl class="figures">
        <Figure name="Calls and rooms" value={now.calls} id="calls" />
        <Figure name="Participants" value={now.participants} id="participants" />
        <Figure name="Ringing" value={now.ringing} id="ringing" />
        <Figure name="Open pages" value={now.sessions} id="sessions" />
        <div>
          <dt>Busiest of {now.workers.length === 1 ? "1 worker" : `${now.workers.length} workers`}</dt>
          <dd>
            <meter min={0} max={1} high={0.8} value={busiest} aria-label="Busiest worker" />
            {Math.round(busiest * 100)} %
          </dd>
        </div>
      </dl>
      <section class="card">
        <h2>Rooms and calls</h2>
        {rooms.value.length === 0 ? (
          <p class="faint">Nobody is in a call, and there is no room to come into.</p>
        ) : (
          <ul class="rooms">
            {rooms.value.map((room) => (
              <RoomRow key={room.id} room={room} />
            ))}
          </ul>
        )}
      </section>
      <PastCalls />
    </>
  );
}

function Figure({ name, value, id }: { name: string; value: number; id: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-testid={`operator-${id}`}>{value}</dd>
    </div>
  );
}
