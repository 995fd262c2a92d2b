/** What applications are told of the state, in its own words. */

import type { EndReason, LeaveReason } from "../protocol";

export type DeviceProblem =
  | "camera_denied"
  | "camera_in_use"
  | "camera_missing"
  | "microphone_denied"
  | "microphone_in_use"
  | "microphone_missing"
  | "insecure_context";

/** `none`: there is none, or it could not be opened. `off`: it is there and sends nothing. */
export type DeviceState = "none" | "opening" | "on" | "off";

export type EndedReason = EndReason | LeaveReason | "answered_elsewhere";

/**
 * `starting`: not yet connected since the page was opened, so nothing is wrong yet. `signed_out`: the server takes people in by
 * tokens, and this page has none that is good.
 */
export type Connection = "starting" | "up" | "down" | "stopping" | "signed_out";
