// How long things may take. Limits are those of a machine with nothing else to do; TANDEM_STRETCH=3 gives a busy one three times as long.

const STRETCH = Number(process.env.TANDEM_STRETCH ?? 1);

/** Milliseconds, as long as they are here. */
export const within = (ms) => ms * STRETCH;
