// The background loops of a client: renewals, and local deadlines.

import type { Config } from "./config.js";
import type { Hold } from "./hold.js";
import { jitter, maxPause, minPause } from "./retry.js";
import { unref } from "./signals.js";
import { renewTogether, untilRenewal } from "./operations.js";

// Limits how late a suspension is detected: timers do not run during a suspension.
const checkInterval = 1_000;

/** Runs a step for its holds repeatedly, until all have ended. */
class Loop {
  readonly #holds = new Set<Hold>();
  readonly #step: (holds: readonly Hold[]) => number | Promise<number>; // returns when to call it again, in milliseconds
  #timer: ReturnType<typeof setTimeout> | undefined;
  #busy = false;

  constructor(step: (holds: readonly Hold[]) => number | Promise<number>) {
    this.#step = step;
  }

  join(hold: Hold): void {
    this.#holds.add(hold);
    hold.signal.addEventListener("abort", () => {
      this.#holds.delete(hold);
      if (this.#holds.size === 0) clearTimeout(this.#timer);
    });
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#busy) return;
    clearTimeout(this.#timer);
    this.#busy = true;
    let next = minPause;
    try {
      if (this.#holds.size > 0) next = await this.#step([...this.#holds]);
    } finally {
      this.#busy = false;
      if (this.#holds.size > 0) {
        this.#timer = setTimeout(() => void this.#run(), Math.min(Math.max(next, 1), checkInterval));
        unref(this.#timer); // the process may end if it has nothing else to do; its leases end with their TTL
      }
    }
  }
}

/** Renewer renews the holds of a client and ends them at their deadlines. */
export class Renewer {
  readonly renewals: Loop;
  readonly deadlines = new Loop((holds) => Math.min(...holds.map((h) => h.expire())));
  #pause = minPause;

  constructor(cfg: Config) {
    this.renewals = new Loop(async (holds) => {
      const due = Math.min(...holds.map(untilRenewal));
      if (due > 0) return due;
      const ok = await renewTogether(cfg, holds);
      this.#pause = ok ? minPause : Math.min(2 * this.#pause, maxPause);
      return jitter(this.#pause);
    });
  }
}
