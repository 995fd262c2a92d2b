/** A moment as people say it: today by the clock, then by the day. Pure. */

const DAY_MS = 86_400_000;

/** `now` and `at` in Unix milliseconds; days are those of this machine's time zone. */
export function whenOf(at: number, now: number, language: string): string {
  const time = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" }).format(at);
  const days = daysBetween(at, now);
  if (days <= 0) return time;
  if (days === 1) return `${new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(-1, "day")}, ${time}`;
  if (days < 7) return `${new Intl.DateTimeFormat(language, { weekday: "long" }).format(at)}, ${time}`;
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  const date = sameYear ? ({ day: "numeric", month: "long" } as const) : ({ dateStyle: "medium" } as const);
  return `${new Intl.DateTimeFormat(language, date).format(at)}, ${time}`;
}

/** Midnights between. */
function daysBetween(at: number, now: number): number {
  const midnight = (moment: number) => new Date(moment).setHours(0, 0, 0, 0);
  return Math.round((midnight(now) - midnight(at)) / DAY_MS);
}
