// What one client holds and asks for.

import { randomHex, sessionBytes } from "./config.js";
import type { Hold } from "./hold.js";
import { LocalLock } from "./local-lock.js";
import type { AcquireOptions } from "./operations.js";

const idBytes = 8;

/** One acquire from its beginning to the end of its hold, and the session for which it asks. */
export interface Claim {
  readonly name: string;
  readonly session: string;
  /** Notes that it is granted. */
  granted(hold: Hold): void;
  /** Ends it; may be repeated. */
  leave(): void;
}

/** A hold or a request, with the public name of its session. */
interface Entry {
  readonly name: string;
  readonly clientId: string;
}

/** What a client holds and asks for at one moment. `waiting` is in milliseconds. */
export interface Snapshot {
  held: (Entry & { token: number })[];
  asking: (Entry & { waiting: number })[]; // of nodes
  local: (Entry & { waiting: number })[]; // for another call of this client
}

interface Open extends Entry {
  readonly since: number; // on the clock of performance.now()
  hold: Hold | undefined;
}

/**
 * Activity gives each acquire its session: that of the client, or one of its own if the lease has room for several
 * holders and the client's session holds it, or asks for it, already. Acquires with one session exclude each other.
 */
export class Activity {
  readonly #session: string;
  readonly #clientId = randomHex(idBytes);
  readonly #locks = new LocalLock();
  readonly #open = new Set<Open>();

  constructor(session: string) {
    this.#session = session;
  }

  /** Begins an acquire, or waits for the client's session to be free for it. */
  async claim(name: string, o: AcquireOptions & { wait: number }): Promise<Claim> {
    if (o.reclaim) return this.#begin(name, this.#session, this.#clientId, () => {});
    if ((o.limit ?? 1) > 1 && this.#locks.isLocked(name)) {
      return this.#begin(name, randomHex(sessionBytes), randomHex(idBytes), () => {});
    }
    return this.#begin(name, this.#session, this.#clientId, await this.#locks.lock(name, o.wait, o.signal));
  }

  #begin(name: string, session: string, clientId: string, unlock: () => void): Claim {
    const open: Open = { name, clientId, since: performance.now(), hold: undefined };
    this.#open.add(open);
    const leave = (): void => {
      this.#open.delete(open);
      unlock();
    };
    return { name, session, granted: (hold) => void (open.hold = hold), leave };
  }

  now(): Snapshot {
    const at = performance.now();
    const now: Snapshot = { held: [], asking: [], local: [] };
    for (const { name, clientId, since, hold } of this.#open) {
      if (hold === undefined) now.asking.push({ name, clientId, waiting: at - since });
      else if (hold.ended === undefined) now.held.push({ name, clientId, token: hold.grant.token });
    }
    for (const { name, since } of this.#locks.waiting()) now.local.push({ name, clientId: this.#clientId, waiting: at - since });
    return now;
  }
}
