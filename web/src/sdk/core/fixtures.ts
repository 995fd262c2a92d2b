/** What tests of the state machine give it. */

import type { Command, Event } from "../protocol";
import type { Input } from "./state";

export type Welcome = Extract<Event, { type: "welcome" }>;

export const event = (of: Event, answers: Command["type"] | null = null, about: string | null = null): Input => ({
  kind: "event",
  event: of,
  answers,
  about,
});

/** Of Hans, who comes for the first time. */
export const WELCOME: Welcome = {
  type: "welcome",
  protocol: 1,
  session_id: "s",
  resume_secret: "r",
  resumed: false,
  last_ref: 0,
  user_id: "h4ns-9kpt-2xwd",
  name: "Hans",
  ring_timeout_s: 45,
  ice_servers: [],
  boot_id: "one",
  missed: 0,
};

export const welcome = (more: Partial<Welcome> = {}): Input => event({ ...WELCOME, ...more });
