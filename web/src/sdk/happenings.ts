/** What happens to devices and the page in a call, told to the server for the report of the call. */

import type { AppState } from "./core/state";
import type { Device } from "./media/devices";
import type { Command, Happening, Measured } from "./protocol";

export interface HappeningsWorld {
  state(): AppState;
  send(command: Command): void;
}

export class Happenings {
  private readonly silent: Record<Device, boolean> = { microphone: false, camera: false };
  private unseen = false;

  constructor(private readonly world: HappeningsWorld) {}

  measured(measured: Measured): void {
    const room_id = this.room();
    if (room_id !== null) this.world.send({ type: "report_quality", room_id, measured });
  }

  lost(device: Device): void {
    this.tell(`${device}_lost`);
  }

  switched(device: Device): void {
    this.tell(`${device}_switched`);
  }

  /** Every track that is put to use is said not to be silenced: only a change is worth a word. */
  silenced(device: Device, on: boolean): void {
    if (this.silent[device] === on) return;
    this.silent[device] = on;
    this.tell(on ? `${device}_silenced` : `${device}_restored`);
  }

  seen(unseen: boolean): void {
    if (this.unseen === unseen) return;
    this.unseen = unseen;
    this.tell(unseen ? "page_hidden" : "page_shown");
  }

  private tell(what: Happening): void {
    const room_id = this.room();
    if (room_id !== null) this.world.send({ type: "report_happening", room_id, what });
  }

  /** What is told later would be noted at a wrong time: while the server is away, nothing is. */
  private room(): string | null {
    const { phase, connection } = this.world.state();
    return phase.kind === "in_call" && connection === "up" && !phase.serverLost ? phase.roomId : null;
  }
}
