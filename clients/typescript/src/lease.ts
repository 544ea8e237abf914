// The lease that a program holds.

import type { Config } from "./config.js";
import { isDenied, LeaseLost, Released, type LockdError } from "./errors.js";
import type { Hold } from "./hold.js";
import type { Previous, StepDown } from "./model.js";
import type { PendingReleases } from "./pending-releases.js";
import * as operations from "./operations.js";

// Node before 20.4 has no Symbol.asyncDispose. Compilers use this one instead.
(Symbol as { asyncDispose?: symbol }).asyncDispose ??= Symbol.for("Symbol.asyncDispose");

const finishTimeout = 5_000; // of the release after finished work; then it continues in the background

/** A hold of a name. It is renewed in the background until it is released or lost. */
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
    // After a release the claim ends when the answer is there.
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

  /** The fencing token: send it to the resource that the lease protects. */
  get token(): number {
    return this.#hold.grant.token;
  }

  /** A number from 0 to limit-1, constant during the hold. It can be used as a shard number. */
  get slot(): number {
    return this.#hold.grant.slot;
  }

  /** How the last hold ended, if that is known. */
  get previous(): Previous | undefined {
    return this.#hold.grant.previous;
  }

  /** An operator's request to hand the lease over, as the last renewal reported it. */
  get stepDown(): StepDown | undefined {
    return this.#hold.grant.step_down;
  }

  /** Aborts once, when the lease ends. The reason is LeaseLost or Released. */
  get signal(): AbortSignal {
    return this.#hold.signal;
  }

  /** Whether the lease was lost. */
  get lost(): boolean {
    this.#hold.expire(); // if the event loop was busy, no timer has ended it yet
    return this.#ended instanceof LeaseLost || this.lateLoss !== undefined;
  }

  /** @internal The loss that only the answer to the release reported. */
  get lateLoss(): LeaseLost | undefined {
    return this.#hold.lateLoss;
  }

  /** Returns the milliseconds until the local deadline; 0: stop. */
  remaining(): number {
    return this.#hold.remaining();
  }

  /** Throws LeaseLost or Released unless the lease is held and its local deadline has not passed. */
  check(): void {
    this.#hold.expire();
    if (this.#ended !== undefined) throw this.#ended;
    if (this.remaining() <= 0) throw new LeaseLost(`${this.name} is being transferred`);
  }

  /** Renews the lease now; optionally changes its TTL or meta. */
  renew(change: { ttl?: number; meta?: object } = {}): Promise<void> {
    return operations.renew(this.#cfg, this.#hold, change.ttl, change.meta);
  }

  /**
   * Transfers the lease to the first waiter with this holder label, and returns the token of the new hold. Stop the
   * work first: from now on the lease is not held, unless the transfer is refused.
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
   * Releases the lease. No client gets it during `delay`. A repeat is allowed. Stop the work first: from now on the
   * lease is not held, whatever the outcome. Throws LeaseLost if the node reports that the hold had ended before,
   * unless the signal has reported the loss. After another error the release continues in the background until it is
   * confirmed, unless the credentials were refused: then the lease ends with its TTL.
   */
  async release(o: { delay?: number } = {}): Promise<void> {
    try {
      await operations.release(this.#cfg, this.#pending, this.#hold, o);
    } finally {
      this.#leave();
    }
  }

  /** Releases the lease at the end of an `await using` block. Throws only LeaseLost. Another failure is a warning. */
  async [Symbol.asyncDispose](): Promise<void> {
    const loss = await this.finish();
    if (loss !== undefined) throw loss;
  }

  /**
   * @internal Releases the lease after finished work, unless the work released it. Returns a loss that only the node
   *     knew. Another failure is a warning, so that it does not hide the result of the work. The release then continues
   *     in the background.
   */
  async finish(): Promise<LeaseLost | undefined> {
    if (this.#ended instanceof Released) return undefined;
    const reported = this.#ended !== undefined;
    try {
      await operations.release(this.#cfg, this.#pending, this.#hold, { budget: finishTimeout });
    } catch (e) {
      if (e instanceof LeaseLost) return e;
      const rest = this.#hold.released ? "" : isDenied(e) ? "; the lease ends with its TTL" : "; the release continues in the background";
      if (!reported) this.#cfg.warn(`lockd: the work under ${this.name} has finished, but its release failed: ${(e as Error).message}${rest}`);
    } finally {
      this.#leave();
    }
    return undefined;
  }
}
