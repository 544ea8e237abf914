// Whether any node answers: see "Without a reachable node" in clients/README.md.

import type { Endpoint } from "./address.js";
import { between, type Instant } from "./clock.js";

export class Reachability {
  readonly #addresses: string;
  readonly #warn: (message: string) => void;
  #contact: Instant | undefined; // when a node last answered
  #warned = false; // since the last answer

  constructor(addresses: readonly Endpoint[], warn: (message: string) => void) {
    this.#addresses = addresses.map((a) => a.base).join(", ");
    this.#warn = warn;
  }

  /** Records that a node answered, with any status. */
  answered(at: Instant): void {
    this.#contact = at;
    this.#warned = false;
  }

  /** Records that no address answered. Warns at the first time since the last answer. */
  silent(error: Error): void {
    if (this.#warned) return;
    this.#warned = true;
    this.#warn(`lockd: no node answered at ${this.#addresses}; last error: ${error.message}`);
  }

  /** Returns how long no node has answered a call that began at start. */
  silence(start: Instant, now: Instant): number {
    const since = between(start, now);
    return this.#contact === undefined ? since : Math.min(since, between(this.#contact, now));
  }
}
