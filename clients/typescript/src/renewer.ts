// What keeps the holds of a client: renewals, and deadlines that wait for no node.

import type { Config } from "./config.js";
import type { Hold } from "./hold.js";
import { jitter, maxPause, minPause } from "./retry.js";
import { unref } from "./signals.js";
import { renewTogether, untilRenewal } from "./operations.js";

// Bounds how late a jump of the wall clock is noticed: timers sleep through a suspension.
const lookEvery = 1_000;

/** Does a step for all its holds again and again, as long as one of them lasts. */
class Loop {
  readonly #holds = new Set<Hold>();
  readonly #step: (holds: readonly Hold[]) => number | Promise<number>; // returns when it wants to be called again
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
        this.#timer = setTimeout(() => void this.#run(), Math.min(Math.max(next, 1), lookEvery));
        unref(this.#timer); // a process that has nothing else to do may end; its leases end with their TTL
      }
    }
  }
}

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
