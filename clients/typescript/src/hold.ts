// A hold as its holder may rely on it: the local deadline, and its one end.

import { between, type Instant } from "./clock.js";
import type { Config } from "./config.js";
import { LeaseLost, Released, type LockdError } from "./errors.js";
import type { Grant } from "./model.js";

const minMargin = 50;

/** By how much a holder stops before a promise ends. */
const margin = (of: number): number => Math.max(minMargin, of / 50);

const validity = (g: Grant): number => (g.waited_ms ?? 0) + g.expires_in_ms - margin(g.expires_in_ms);

/** The state of one hold. */
export class Hold {
  readonly #cfg: Config;
  readonly #end = new AbortController();
  #valid: number;
  handing = 0; // hand-overs under way: meanwhile nothing is held
  #changing = 0; // changes of the TTL under way
  #settled: Instant; // when the last of them was answered

  constructor(cfg: Config, public grant: Grant, public sent: Instant) {
    this.#cfg = cfg;
    this.#valid = validity(grant);
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
    return this.handing > 0 || this.#changing > 0;
  }

  /** How long it may still be relied on; 0: stop. */
  remaining(): number {
    if (this.ended !== undefined || this.handing > 0) return 0;
    return Math.max(0, this.#valid - this.sinceSent());
  }

  sinceSent(): number {
    return between(this.sent, this.#cfg.clock());
  }

  /** Ends it if its time is up, and returns when to look again. */
  expire(): number {
    if (this.handing > 0) return minMargin;
    const left = this.remaining();
    if (left <= 0) this.lose(new LeaseLost(`${this.grant.name}: the local deadline passed`));
    return left;
  }

  /**
   * Takes a renewal's answer, unless that of a later request is known. Of a renewal
   * that was under way together with a change of the TTL nobody knows which came
   * first: its answer may promise what no longer counts.
   */
  extend(grant: Grant, sent: Instant, change = false): void {
    const crossed = !change && (this.#changing > 0 || sent.mono < this.#settled.mono);
    if (this.ended === undefined && sent.mono >= this.sent.mono && !crossed) {
      this.grant = grant;
      this.sent = sent;
      this.#valid = validity(grant);
    }
  }

  /** Counts with a smaller TTL that is about to be sent; call the result when it is answered. */
  shorten(ttl: number): () => void {
    this.#changing++;
    const now = this.#cfg.clock();
    const soon = ttl - margin(ttl);
    if (soon < this.#valid - between(this.sent, now)) {
      this.sent = now;
      this.#valid = soon;
    }
    return () => {
      this.#changing--;
      this.#settled = this.#cfg.clock();
    };
  }

  lose(why: LockdError): void {
    this.#end.abort(why instanceof LeaseLost ? why : new LeaseLost(why.message, { problem: why.problem, cause: why }));
  }

  giveBack(): void {
    this.#end.abort(new Released(`${this.grant.name} was given back`));
  }
}
