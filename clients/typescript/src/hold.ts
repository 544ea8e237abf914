// The state of a hold: the local deadline, and its end.

import { between, type Instant } from "./clock.js";
import { maxTTL, timeoutsPerTTL, type Config } from "./config.js";
import { LeaseLost, Released, type LockdError } from "./errors.js";
import type { Grant } from "./model.js";
import { AttemptErrors } from "./retry.js";

const minMargin = 50;

/** Returns how long before the end of a validity the holder stops. */
const margin = (of: number): number => Math.max(minMargin, of / 50);

const lessMargin = (of: number): number => of - margin(of);

/**
 * Returns how long a grant is valid, counted from when its request was sent. The request took so long and asked for
 * this TTL. A node cannot have waited for longer than the request took, and cannot grant more than the TTL of the
 * request.
 */
const validity = (g: Grant, took: number, ttl: number): number =>
  Math.min(g.waited_ms ?? 0, Math.max(took, 0)) + lessMargin(Math.min(g.expires_in_ms, ttl));

/** The state of one hold. */
export class Hold {
  readonly #cfg: Config;
  readonly #end = new AbortController();
  #valid: number;
  #ttl: number; // the largest requested TTL that may be in effect
  #concurrent = false; // several changes of the TTL are in flight
  transferring = 0; // transfers in flight: meanwhile the lease is not held
  #changing = 0; // changes of the TTL in flight
  #settled: Instant; // when the last of them was answered
  #least = maxTTL; // smallest TTL of the changes in flight and of those with an unknown outcome
  #unknown = maxTTL; // smallest TTL of the changes with an unknown outcome
  readonly releases = new AttemptErrors(); // of the release requests
  released = false; // a node has answered a release request
  lateLoss: LeaseLost | undefined; // a loss that only the answer to a release reported

  constructor(cfg: Config, public grant: Grant, public sent: Instant, ttl: number, readonly session = cfg.session) {
    this.#cfg = cfg;
    this.#ttl = ttl;
    this.#valid = validity(grant, this.sinceSent(), ttl);
    this.#settled = sent;
  }

  /** Aborts once, when the hold ends. The reason is LeaseLost or Released. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  get ended(): LockdError | undefined {
    return this.#end.signal.aborted ? (this.#end.signal.reason as LockdError) : undefined;
  }

  get busy(): boolean {
    return this.transferring > 0 || this.#changing > 0;
  }

  /** Returns the milliseconds until the local deadline; 0: stop. */
  remaining(): number {
    if (this.ended !== undefined || this.transferring > 0) return 0;
    return Math.max(0, this.#valid - this.sinceSent());
  }

  /** The longest time for which the nodes can keep the hold without a renewal. */
  get longestTTL(): number {
    return Math.max(this.grant.ttl_ms, this.#ttl);
  }

  sinceSent(): number {
    return between(this.sent, this.#cfg.clock());
  }

  /** A third of the TTL, or of a shorter validity after a change. */
  get third(): number {
    return Math.min(this.grant.ttl_ms, this.#valid) / timeoutsPerTTL;
  }

  /** Ends the hold if its deadline has passed. Returns when to check again. */
  expire(): number {
    if (this.transferring > 0) return minMargin;
    const left = this.remaining();
    if (left <= 0) this.lose(new LeaseLost(`${this.grant.name}: the local deadline passed`));
    return left;
  }

  /**
   * Applies the answer to a renewal, unless the answer to a later request is known. The order of concurrent requests is
   * unknown. So the answer to a renewal that was in flight with a change of the TTL is ignored, and a change extends
   * the deadline by the smallest TTL of the concurrent changes at most. `change` is the TTL that the request asked for.
   */
  extend(grant: Grant, sent: Instant, change?: number): void {
    const concurrent = change === undefined && (this.#changing > 0 || sent.mono < this.#settled.mono);
    if (this.ended === undefined && sent.mono >= this.sent.mono && !concurrent) {
      if (change !== undefined && !this.#concurrent) this.#ttl = change;
      this.grant = grant;
      this.sent = sent;
      this.#valid = Math.min(validity(grant, this.sinceSent(), this.#ttl), lessMargin(this.#least));
    }
  }

  /** Applies a smaller TTL that is about to be sent. Call settle when the request has ended. */
  shorten(ttl: number): void {
    this.#concurrent ||= this.#changing > 0;
    this.#changing++;
    this.#ttl = Math.max(this.#ttl, ttl);
    this.#least = Math.min(this.#least, ttl);
    const now = this.#cfg.clock();
    const soon = lessMargin(ttl);
    if (soon < this.#valid - between(this.sent, now)) {
      this.sent = now;
      this.#valid = soon;
    }
  }

  /** Ends a change of the TTL. If its outcome is unknown, it may be applied at any later time. */
  settle(ttl: number, unknown: boolean): void {
    this.#settled = this.#cfg.clock();
    if (unknown) this.#unknown = Math.min(this.#unknown, ttl);
    if (--this.#changing === 0) {
      this.#least = this.#unknown;
      this.#concurrent = false;
    }
  }

  lose(why: LockdError): void {
    this.#end.abort(why instanceof LeaseLost ? why : new LeaseLost(why.message, { problem: why.problem, cause: why }));
  }

  markReleased(): void {
    this.#end.abort(new Released(`${this.grant.name} was released`));
  }
}
