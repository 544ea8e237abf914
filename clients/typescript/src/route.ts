// The order in which a call tries the addresses. See "The leader first" in clients/README.md.

import { between, type Instant } from "./clock.js";

/** How many milliseconds a call does not start at an address whose last attempt had no answer. */
export const avoidFailed = 10_000;

/**
 * Which node has answered at each address, and which one leads. A name of a node is only compared with those that the
 * client's own addresses have reported: no request goes to another address.
 */
export class Route {
  #last = 0; // the address that answered last, except for calls that started at the leader
  #leader = "";
  readonly #nodes: string[]; // "": not known
  readonly #failed: (Instant | undefined)[];

  constructor(addresses: number) {
    this.#nodes = new Array<string>(addresses).fill("");
    this.#failed = new Array<Instant | undefined>(addresses).fill(undefined);
  }

  /** The address that answered last. */
  get start(): number {
    return this.#last;
  }

  /**
   * Returns the order for a call. A call that a follower would forward starts at the leader. If its address is not
   * known, it starts at an address whose node is not known, to learn the name. The others follow, starting with the one
   * that answered last.
   */
  order(forwarded: boolean, now: Instant): number[] {
    const rest = this.#nodes.map((_, n) => (this.#last + n) % this.#nodes.length);
    const first = forwarded ? this.#preferred(rest, now) : this.#last;
    return [first, ...rest.filter((i) => i !== first)];
  }

  #preferred(rest: number[], now: Instant): number {
    if (this.#leader === "") return this.#last;
    const leader = rest.find((i) => this.#nodes[i] === this.#leader);
    if (leader !== undefined) return this.#avoided(leader, now) ? this.#last : leader;
    return rest.find((i) => this.#nodes[i] === "" && !this.#avoided(i, now)) ?? this.#last;
  }

  #avoided(i: number, now: Instant): boolean {
    const failed = this.#failed[i];
    return failed !== undefined && between(failed, now) < avoidFailed;
  }

  /** Records the names in an answer. A proxy's answer has none. */
  answered(i: number, node: string | null, leader: string | null): void {
    this.#failed[i] = undefined;
    if (!node) return;
    this.#nodes[i] = node;
    this.#leader = leader ?? "";
  }

  /** Records an attempt without an answer. */
  silent(i: number, now: Instant): void {
    this.#failed[i] = now;
  }

  /** Records the address of a final answer. */
  final(i: number): void {
    const atLeader = this.#nodes[i] !== "" && this.#nodes[i] === this.#leader;
    if (!atLeader || this.#failed[this.#last] !== undefined) this.#last = i;
  }
}
