// Exclusion within one client. Its acquires have the same session, and a node grants a lease to its session repeatedly.

import { Held } from "./errors.js";
import { sleep } from "./retry.js";
import { onAbort } from "./signals.js";

/** A call that waits for an earlier call of the same client. */
interface Waiter {
  readonly since: number; // on the clock of performance.now()
  entered: boolean;
  enter: () => void;
}

/** LocalLock is a lock for each name, with a queue in order of arrival. */
export class LocalLock {
  readonly #queues = new Map<string, Waiter[]>(); // by name, for each locked name

  isLocked(name: string): boolean {
    return this.#queues.has(name);
  }

  /** Iterates over the waiters, in queue order for each name. */
  *waiting(): Generator<{ name: string; since: number }, void, void> {
    for (const [name, queue] of this.#queues) for (const { since } of queue) yield { name, since };
  }

  /** Locks a name, or waits for it. Returns a function that unlocks it. Throws Held after the wait. */
  async lock(name: string, wait: number, signal: AbortSignal | undefined): Promise<() => void> {
    const queue = this.#queues.get(name);
    if (queue === undefined) {
      this.#queues.set(name, []);
      return this.#unlock(name);
    }
    if (wait <= 0) throw new Held(`${name} is held by this client`);
    const over = new AbortController();
    const waiter: Waiter = { since: performance.now(), entered: false, enter: () => {} };
    const entered = new Promise<void>((resolve) => (waiter.enter = resolve));
    queue.push(waiter);
    const stop = onAbort(signal, () => over.abort(signal?.reason));
    try {
      await Promise.race([entered, sleep(wait, over.signal)]);
      signal?.throwIfAborted();
      if (!waiter.entered) throw new Held(`${name} is held by this client`);
      return this.#unlock(name);
    } catch (e) {
      if (waiter.entered) this.#unlock(name)();
      else queue.splice(queue.indexOf(waiter), 1);
      throw e;
    } finally {
      stop();
      over.abort();
    }
  }

  #unlock(name: string): () => void {
    let done = false;
    return () => {
      if (done) return;
      done = true;
      const next = this.#queues.get(name)?.shift();
      if (next === undefined) {
        this.#queues.delete(name);
      } else {
        next.entered = true;
        next.enter();
      }
    };
  }
}
