// The holds and the acquires in progress of one client.

import { randomHex, sessionBytes } from "./config.js";
import type { Hold } from "./hold.js";
import { LocalLock } from "./local-lock.js";
import type { AcquireOptions } from "./operations.js";

const idBytes = 8;

/** One acquire from its start to the end of its hold, with the session that it uses. */
export interface Claim {
  readonly name: string;
  readonly session: string;
  /** Records that it is granted. */
  granted(hold: Hold): void;
  /** Ends it. A repeat does nothing. */
  leave(): void;
}

/** A hold or an acquire, with the public ID of its session. */
interface Entry {
  readonly name: string;
  readonly clientId: string;
}

/** The holds and acquires of a client at one moment. `waiting` is in milliseconds. */
export interface Snapshot {
  held: (Entry & { token: number })[];
  requested: (Entry & { waiting: number })[]; // from the nodes
  local: (Entry & { waiting: number })[]; // wait for another call of this client
}

interface Open extends Entry {
  readonly since: number; // on the clock of performance.now()
  hold: Hold | undefined;
}

/**
 * Activity assigns a session to each acquire: the client's session, or a new one if the lease allows several holds and
 * the client's session holds it or acquires it already. Acquires with the same session exclude each other.
 */
export class Activity {
  readonly #session: string;
  readonly #clientId = randomHex(idBytes);
  readonly #locks = new LocalLock();
  readonly #open = new Set<Open>();

  constructor(session: string) {
    this.#session = session;
  }

  /** Starts an acquire. It may wait until the client's session is free. */
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
    const now: Snapshot = { held: [], requested: [], local: [] };
    for (const { name, clientId, since, hold } of this.#open) {
      if (hold === undefined) now.requested.push({ name, clientId, waiting: at - since });
      else if (hold.ended === undefined) now.held.push({ name, clientId, token: hold.grant.token });
    }
    for (const { name, since } of this.#locks.waiting()) now.local.push({ name, clientId: this.#clientId, waiting: at - since });
    return now;
  }
}
