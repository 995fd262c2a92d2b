/** How people come into this server: with the operator's provider, with a token of their application, or as they are. */

import { signal } from "@preact/signals";

export interface SignInWay {
  mode: "open" | "token" | "oidc";
  /** Where to get a token, or to sign in. */
  url?: string;
  /** Whether a room's link lets people in who have not signed in. */
  guests?: boolean;
}

/** null: the server was not asked yet. */
export const signInWay = signal<SignInWay | null>(null);

/** Why a sign-in came to nothing; the server's words for it are in src/auth/oidc/fault.rs. */
export const FAULTS = ["provider_away", "attempt", "declined", "not_allowed", "blocked", "rate_limited"] as const;
export type SignInFault = (typeof FAULTS)[number] | "failed";

export const signInFault = signal<SignInFault | null>(null);

/** The fault in the fragment of an address, `#sign-in=…`; null: there is none. Those without words of their own are one. */
export function faultIn(hash: string): SignInFault | null {
  const told = new URLSearchParams(hash.replace(/^#/, "")).get("sign-in");
  if (told === null) return null;
  return FAULTS.find((one) => one === told) ?? "failed";
}

/** Takes it out of the page's own address: a page that is loaded again has not failed again. */
export function takeFault(): void {
  const fault = faultIn(location.hash);
  if (fault === null) return;
  signInFault.value = fault;
  history.replaceState(history.state, "", `${location.pathname}${location.search}`);
}

/** Asks once, for the views that follow the signal. Without an answer their words have to do. */
export async function askSignInWay(): Promise<void> {
  if (signInWay.value !== null) return;
  try {
    const answer = await fetch("/api/v1/server");
    const { sign_in } = (await answer.json()) as { sign_in?: SignInWay };
    signInWay.value = sign_in ?? { mode: "open" };
  } catch {
    // The server is away, which is told elsewhere.
  }
}

/** Where to sign in with the provider, to come back to where the page is. */
export function signInAddress(url: string, pathname: string, search: string): string {
  return `${url}?to=${encodeURIComponent(`${pathname}${search}`)}`;
}

/** Signs this browser out, in all its tabs, and leaves for the provider where that signs out too. */
export async function signOut(): Promise<boolean> {
  try {
    const answer = await fetch("/auth/sign-out", { method: "POST" });
    if (!answer.ok) return false;
    const { url } = (await answer.json()) as { url: string | null };
    location.assign(url ?? "/");
    return true;
  } catch {
    return false;
  }
}
