/** What the application is told when something did not come about. */

import type { DeviceProblem, EndedReason } from "./core/words";
import type { ErrorCode } from "./protocol";

/**
 * Why: a code of the server's (docs/protocol.md), the reason for which a call or a stay in a room ended, a problem with a device, or one
 * of the library's own:
 * - `unreachable_server`: nothing that speaks Tandem's protocol answered in time
 * - `origin_not_allowed`: the server does not take in pages of this origin: its operator lists it in `server.allowed_origins`
 * - `signed_out`: the server takes people in by tokens, and there is none that is good
 * - `not_connected`: `connect` was not called, or did not succeed
 * - `in_call`: there is a call or a room already; one at a time
 * - `not_in_call`: the call or the room is over, or has not begun
 * - `bad_user_id`, `bad_link`, `bad_server`: what was given is no user id, no room's link, no address of a server
 * - `not_shown`: nothing was chosen to be shown of the screen
 */
export type TandemErrorCode =
  | ErrorCode
  | EndedReason
  | DeviceProblem
  | "unreachable_server"
  | "origin_not_allowed"
  | "signed_out"
  | "not_connected"
  | "in_call"
  | "not_in_call"
  | "bad_user_id"
  | "bad_link"
  | "bad_server"
  | "not_shown";

export class TandemError extends Error {
  override readonly name: string = "TandemError";

  constructor(
    readonly code: TandemErrorCode,
    message: string,
  ) {
    super(message);
  }
}
