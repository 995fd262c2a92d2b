/** Waits for what the state machine comes to. */

import type { AppState } from "./core/state";
import type { Engine } from "./engine";

/** Resolves with what `probe` gives as soon as that is not undefined, and rejects with what it throws. It is asked at each change. */
export function until<T>(engine: Pick<Engine, "on" | "state">, probe: (state: AppState) => T | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    let end = () => {};
    let isOver = false;
    const over = (settle: () => void) => {
      isOver = true;
      end();
      settle();
    };
    const look = () => {
      if (isOver) return;
      try {
        const found = probe(engine.state);
        if (found !== undefined) over(() => resolve(found));
      } catch (error) {
        over(() => reject(error));
      }
    };
    end = engine.on("state", look);
    look();
  });
}
