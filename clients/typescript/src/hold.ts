// A hold as its holder may rely on it: the local deadline, and its one end.

import { between, type Instant } from "./clock.js";
import { maxTTL, timeoutsPerTTL, type Config } from "./config.js";
import { LeaseLost, Released, type LockdError } from "./errors.js";
import type { Grant } from "./model.js";
import { AttemptErrors } from "./retry.js";

const minMargin = 50;

/** By how much a holder stops before a promise ends. */
const margin = (of: number): number => Math.max(minMargin, of / 50);

const lessMargin = (of: number): number => of - margin(of);

/**
 * How long after its request was sent a grant may be relied on, of a request that took
 * so long and asked for this TTL. A node cannot have waited for longer than the request
 * took, nor promise more than the TTL that was asked for.
 */
const validity = (g: Grant, took: number, ttl: number): number =>
  Math.min(g.waited_ms ?? 0, Math.max(took, 0)) + lessMargin(Math.min(g.expires_in_ms, ttl));

/** The state of one hold. */
export class Hold {
  readonly #cfg: Config;
  readonly #end = new AbortController();
  #valid: number;
  #ttl: number; // largest TTL that was asked for and may be in force
  #crossed = false; // changes of the TTL are under way together
  transferring = 0; // hand-overs under way: meanwhile nothing is held
  #changing = 0; // changes of the TTL under way
  #settled: Instant; // when the last of them was answered
  #least = maxTTL; // smallest TTL of those under way, and of those in doubt
  #doubtful = maxTTL; // smallest TTL of those in doubt: their outcome is unknown
  readonly releases = new AttemptErrors(); // what the requests to release it came to
  released = false; // a node has answered one of them
  lateLoss: LeaseLost | undefined; // a loss that only the answer to a release reported

  constructor(cfg: Config, public grant: Grant, public sent: Instant, ttl: number, readonly session = cfg.session) {
    this.#cfg = cfg;
    this.#ttl = ttl;
    this.#valid = validity(grant, this.sinceSent(), ttl);
    this.#settled = sent;
  }

  /** Aborts once, with how it ended: LeaseLost or Released. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  get ended(): LockdError | undefined {
    return this.#end.signal.aborted ? (this.#end.signal.reason as LockdError) : undefined;
  }

  get busy(): boolean {
    return this.transferring > 0 || this.#changing > 0;
  }

  /** How long it may still be relied on; 0: stop. */
  remaining(): number {
    if (this.ended !== undefined || this.transferring > 0) return 0;
    return Math.max(0, this.#valid - this.sinceSent());
  }

  /** The TTL after which it has ended at the nodes, if nothing renews it. */
  get longestTTL(): number {
    return Math.max(this.grant.ttl_ms, this.#ttl);
  }

  sinceSent(): number {
    return between(this.sent, this.#cfg.clock());
  }

  /** A third of the TTL, or of what is left of it by a change. */
  get third(): number {
    return Math.min(this.grant.ttl_ms, this.#valid) / timeoutsPerTTL;
  }

  /** Ends it if its time is up, and returns when to look again. */
  expire(): number {
    if (this.transferring > 0) return minMargin;
    const left = this.remaining();
    if (left <= 0) this.lose(new LeaseLost(`${this.grant.name}: the local deadline passed`));
    return left;
  }

  /**
   * Takes a renewal's answer, unless that of a later request is known. Of requests
   * that were under way together nobody knows which came first: a renewal that crossed
   * a change of the TTL may promise what no longer counts, and a change gives no more
   * than the least of those that it crossed. `change` is the TTL that was asked for.
   */
  extend(grant: Grant, sent: Instant, change?: number): void {
    const crossed = change === undefined && (this.#changing > 0 || sent.mono < this.#settled.mono);
    if (this.ended === undefined && sent.mono >= this.sent.mono && !crossed) {
      if (change !== undefined && !this.#crossed) this.#ttl = change;
      this.grant = grant;
      this.sent = sent;
      this.#valid = Math.min(validity(grant, this.sinceSent(), this.#ttl), lessMargin(this.#least));
    }
  }

  /** Counts with a smaller TTL that is about to be sent, until it is settled. */
  shorten(ttl: number): void {
    this.#crossed ||= this.#changing > 0;
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

  /** Ends a change of the TTL. One in doubt may arrive at any time after. */
  settle(ttl: number, doubt: boolean): void {
    this.#settled = this.#cfg.clock();
    if (doubt) this.#doubtful = Math.min(this.#doubtful, ttl);
    if (--this.#changing === 0) {
      this.#least = this.#doubtful;
      this.#crossed = false;
    }
  }

  lose(why: LockdError): void {
    this.#end.abort(why instanceof LeaseLost ? why : new LeaseLost(why.message, { problem: why.problem, cause: why }));
  }

  markReleased(): void {
    this.#end.abort(new Released(`${this.grant.name} was given back`));
  }
}
