// A lease as the program has it.

import type { Config } from "./config.js";
import { LeaseLost, Released, type LockdError } from "./errors.js";
import type { Hold } from "./hold.js";
import type { Previous, StepDown } from "./model.js";
import type { PendingReleases } from "./pending-releases.js";
import * as operations from "./operations.js";

// Node 20 has no Symbol.asyncDispose of its own before 20.4; compilers fall back to this one.
(Symbol as { asyncDispose?: symbol }).asyncDispose ??= Symbol.for("Symbol.asyncDispose");

const finishTimeout = 5_000; // for the release after finished work, before it goes on in the background

/** A hold on a name. It is renewed in the background until it is released or lost. */
export class Lease implements AsyncDisposable {
  readonly #cfg: Config;
  readonly #pending: PendingReleases;
  readonly #hold: Hold;
  readonly #leave: () => void;

  /** @internal */
  constructor(cfg: Config, pending: PendingReleases, hold: Hold, leave: () => void) {
    this.#cfg = cfg;
    this.#pending = pending;
    this.#hold = hold;
    this.#leave = leave;
    // A lease that is released is left when the answer has come.
    hold.signal.addEventListener("abort", () => this.#ended instanceof LeaseLost && leave());
  }

  get #ended(): LockdError | undefined {
    return this.#hold.ended;
  }

  get name(): string {
    return this.#hold.grant.name;
  }

  /** The mode of a lock of `client.locks`. There are no shared ones. */
  get mode(): "exclusive" {
    return "exclusive";
  }

  /** The fencing number: give it to what the lease protects. */
  get token(): number {
    return this.#hold.grant.token;
  }

  /** From 0 to limit-1, stable while held: a shard number. */
  get slot(): number {
    return this.#hold.grant.slot;
  }

  /** How the last hold ended, where that is known. */
  get previous(): Previous | undefined {
    return this.#hold.grant.previous;
  }

  /** Who asked for a hand-over; undefined: nobody. */
  get stepDown(): StepDown | undefined {
    return this.#hold.grant.step_down;
  }

  /** Aborts once, at once, when the lease ends: its reason is a LeaseLost, or Released. */
  get signal(): AbortSignal {
    return this.#hold.signal;
  }

  /** Whether it ended against its holder's will. */
  get lost(): boolean {
    this.#hold.expire(); // where the program was busy, no timer may have ended it yet
    return this.#ended instanceof LeaseLost || this.lateLoss !== undefined;
  }

  /** @internal The loss that only the answer to its release reported. */
  get lateLoss(): LeaseLost | undefined {
    return this.#hold.lateLoss;
  }

  /** For how many milliseconds it may still be relied on; 0: stop. */
  remaining(): number {
    return this.#hold.remaining();
  }

  /** Throws LeaseLost (or Released) unless it may still be relied on. */
  check(): void {
    this.#hold.expire();
    if (this.#ended !== undefined) throw this.#ended;
    if (this.remaining() <= 0) throw new LeaseLost(`${this.name} is being handed over`);
  }

  /** Renews it now, with another TTL or meta where they are given. */
  renew(change: { ttl?: number; meta?: object } = {}): Promise<void> {
    return operations.renew(this.#cfg, this.#hold, change.ttl, change.meta);
  }

  /**
   * Hands it to the first waiter with this holder label, and returns the token of
   * the new hold. Stop the work first: from now on it is not held, unless refused.
   */
  async transfer(to: string): Promise<number> {
    if (typeof to !== "string") throw new TypeError(`the holder to transfer to must be a string, not ${typeof to}`);
    try {
      return await operations.transfer(this.#cfg, this.#pending, this.#hold, to);
    } finally {
      if (this.#ended !== undefined) this.#leave();
    }
  }

  /**
   * Releases it; `delay` keeps every client from it for so long. It may be repeated. Stop the work first: from now on it
   * is not held, whatever the outcome. Throws LeaseLost if the node says that it had ended before, unless the signal
   * said so already. After another error the release goes on in the background until it is certain.
   */
  async release(o: { delay?: number } = {}): Promise<void> {
    try {
      await operations.release(this.#cfg, this.#pending, this.#hold, o);
    } finally {
      this.#leave();
    }
  }

  /** `await using`: releases it at the end of the block. It throws only LeaseLost: another failure is a warning. */
  async [Symbol.asyncDispose](): Promise<void> {
    const loss = await this.finish();
    if (loss !== undefined) throw loss;
  }

  /**
   * @internal Releases it after finished work, unless the work did so. Returns a loss that only the node knew. Another
   * failure is logged, since the work's result counts, and the release goes on in the background.
   */
  async finish(): Promise<LeaseLost | undefined> {
    if (this.#ended instanceof Released) return undefined;
    const reported = this.#ended !== undefined;
    try {
      await operations.release(this.#cfg, this.#pending, this.#hold, { budget: finishTimeout });
    } catch (e) {
      if (e instanceof LeaseLost) return e;
      const goesOn = this.#hold.released ? "" : "; the release goes on in the background";
      if (!reported) this.#cfg.warn(`lockd: the work under ${this.name} has finished, but its release failed: ${(e as Error).message}${goesOn}`);
    } finally {
      this.#leave();
    }
    return undefined;
  }
}
