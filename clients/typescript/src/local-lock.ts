// What makes the acquires of one client exclude each other: they have one session, which a node grants again and again.

import { Held } from "./errors.js";
import { sleep } from "./retry.js";
import { onAbort } from "./signals.js";

/** A call that waits for an earlier one of the same client. */
interface Waiter {
  readonly since: number; // on the clock of performance.now()
  entered: boolean;
  enter: () => void;
}

/** LocalLock are the locks of one client by name, each with a queue in order of arrival. */
export class LocalLock {
  readonly #queues = new Map<string, Waiter[]>(); // of each name that is locked

  isLocked(name: string): boolean {
    return this.#queues.has(name);
  }

  /** Who waits, in order for each name. */
  *waiting(): Generator<{ name: string; since: number }, void, void> {
    for (const [name, queue] of this.#queues) for (const { since } of queue) yield { name, since };
  }

  /** Locks a name, or waits for it, and returns how to unlock it. */
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
