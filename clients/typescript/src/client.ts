// The client.

import { between } from "./clock.js";
import { Config, defaultTTL, type ClientOptions } from "./config.js";
import { Held, LeaseLost, NotAcquired, OutcomeUnknown, Refused, Released, Unavailable, type LockdError } from "./errors.js";
import type { Hold } from "./hold.js";
import { Keeper } from "./keeper.js";
import type { Event, Previous, State, StepDown } from "./model.js";
import { jitter, leasePath, minPause, send, sleep } from "./rounds.js";
import { currentOf, pageOf, stateOfLease } from "./shape.js";
import { onAbort } from "./signals.js";
import * as talks from "./talks.js";
import type { AcquireOptions } from "./talks.js";
import { watch, type WatchOptions } from "./watch.js";

// Node 20 has no Symbol.asyncDispose of its own before 20.4; compilers fall back to this one.
(Symbol as { asyncDispose?: symbol }).asyncDispose ??= Symbol.for("Symbol.asyncDispose");

const pointless = new Set(["limit-mismatch", "session-in-use"]); // to campaign on

/** A hold on a name. It is renewed in the background until it is released or lost. */
export class Lease implements AsyncDisposable {
  readonly #cfg: Config;
  readonly #debts: talks.Debts;
  readonly #hold: Hold;
  readonly #leave: () => void;

  /** @internal */
  constructor(cfg: Config, debts: talks.Debts, hold: Hold, leave: () => void) {
    this.#cfg = cfg;
    this.#debts = debts;
    this.#hold = hold;
    this.#leave = leave;
    // What is given back is left when the answer is there.
    hold.signal.addEventListener("abort", () => this.#ended instanceof LeaseLost && leave());
  }

  get #ended(): LockdError | undefined {
    return this.#hold.ended;
  }

  get name(): string {
    return this.#hold.grant.name;
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
    this.#hold.expire(); // where the program was busy, no timer may have told it yet
    return this.#ended instanceof LeaseLost;
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
    return talks.renew(this.#cfg, this.#hold, change.ttl, change.meta);
  }

  /**
   * Hands it to the first waiter with this holder label, and returns the token of
   * the new hold. Stop the work first: from now on it is not held, unless refused.
   */
  async transfer(to: string): Promise<number> {
    try {
      return await talks.transfer(this.#cfg, this.#debts, this.#hold, to);
    } finally {
      if (this.#ended !== undefined) this.#leave();
    }
  }

  /**
   * Gives it back; `delay` keeps everybody from it for so long. It may be repeated.
   * Stop the work first: from now on it is not held, whatever comes of it.
   */
  async release(o: { delay?: number } = {}): Promise<void> {
    try {
      await talks.release(this.#cfg, this.#debts, this.#hold, o.delay ?? 0);
    } finally {
      this.#leave();
    }
  }

  /** `await using`: gives it back at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!(this.#ended instanceof Released)) await this.release();
  }
}

/** What runs under a lease. It must stop when the signal aborts. */
export type Work<T> = (signal: AbortSignal, lease: Lease) => T | Promise<T>;

/** Speaks to one cluster in the name of one session. Durations are milliseconds. */
export class Client {
  readonly #cfg: Config;
  readonly #keeper: Keeper;
  readonly #debts = new talks.Debts();
  readonly #turns = new Map<string, Promise<void>>();

  /** Makes a client. It sends nothing. */
  constructor(options: ClientOptions = {}) {
    this.#cfg = new Config(options);
    this.#keeper = new Keeper(this.#cfg);
  }

  /** The label under which it holds and waits. */
  get holder(): string {
    return this.#cfg.holder;
  }

  /** The session in whose name it speaks. It is a secret. */
  get session(): string {
    return this.#cfg.session;
  }

  /**
   * Takes the lease, or waits for it in its queue. Throws NotAcquired where it is
   * refused: Held where others hold or wait. Two leases of one name and client
   * exclude each other. A lease does not keep a process of Node or Deno that has nothing
   * else to do: if it is not released, it ends with its TTL.
   */
  async acquire(name: string, options: AcquireOptions = {}): Promise<Lease> {
    return this.#acquire(name, options, this.#cfg.unreachableTimeout);
  }

  /** Acquires; gives up when no node has answered for the limit. */
  async #acquire(name: string, options: AcquireOptions, limit: number): Promise<Lease> {
    this.#cfg.checkTTL(options.ttl ?? defaultTTL);
    const wait = options.wait ?? 0;
    const start = this.#cfg.clock();
    const leave = options.reclaim ? () => {} : await this.#turn(name, wait, options.signal);
    try {
      const left = Math.max(wait - between(start, this.#cfg.clock()), 0);
      const hold = await talks.acquire(this.#cfg, this.#debts, name, options, left, limit);
      const lease = new Lease(this.#cfg, this.#debts, hold, leave);
      this.#keeper.deadlines.join(hold);
      if (options.keep ?? true) this.#keeper.renewals.join(hold);
      return lease;
    } catch (e) {
      leave();
      throw e;
    }
  }

  /** Waits for this client's turn at a name, and returns how to end it. */
  async #turn(name: string, wait: number, signal: AbortSignal | undefined): Promise<() => void> {
    const end = this.#cfg.clock().mono + wait;
    for (let before; (before = this.#turns.get(name)) !== undefined; ) {
      const left = end - this.#cfg.clock().mono;
      if (left <= 0) throw new Held(`${name} is held by this client`);
      const over = new AbortController();
      const stop = onAbort(signal, () => over.abort(signal?.reason));
      try {
        signal?.throwIfAborted();
        await Promise.race([before, sleep(left, over.signal)]);
      } finally {
        stop();
        over.abort();
      }
    }
    let leave = (): void => {};
    const mine = new Promise<void>((resolve) => {
      leave = () => {
        if (this.#turns.get(name) === mine) this.#turns.delete(name);
        resolve();
      };
    });
    this.#turns.set(name, mine);
    return leave;
  }

  /**
   * Runs work under the lease, and gives it back after. It waits in the queue, by
   * default for ever. The signal that work gets aborts when the lease is lost, or
   * with `options.signal`; the call ends when work has, and throws LeaseLost where
   * the lease was lost meanwhile.
   */
  async using<T>(name: string, options: AcquireOptions, work: Work<T>): Promise<T> {
    return guard(await this.acquire(name, { wait: Infinity, ...options }), options.signal, work);
  }

  /**
   * Runs work whenever this client leads, and again after each loss: what work throws
   * then counts as its end. Returns what work returns by itself while it leads, and
   * throws what it throws. `options.signal` ends it: work is told, and the lease is
   * given back when it has ended.
   */
  async elect<T>(name: string, options: Omit<AcquireOptions, "wait" | "reclaim" | "keep">, work: Work<T>): Promise<T> {
    for (;;) {
      options.signal?.throwIfAborted();
      const lease = await this.#campaign(name, options);
      try {
        return await guard(lease, options.signal, work);
      } catch (e) {
        if (!lease.lost) throw e;
      }
      await sleep(jitter(minPause), options.signal);
    }
  }

  /** Asks until this client leads. */
  async #campaign(name: string, options: AcquireOptions): Promise<Lease> {
    for (;;) {
      try {
        return await this.#acquire(name, { ...options, wait: Infinity }, Infinity);
      } catch (e) {
        options.signal?.throwIfAborted();
        const again = e instanceof LeaseLost || e instanceof Unavailable || e instanceof OutcomeUnknown;
        if (!again && !(e instanceof NotAcquired && !pointless.has(e.problem?.type ?? ""))) throw e;
      }
      await sleep(jitter(minPause), options.signal);
    }
  }

  /** Reads a lease. A free lease is a state, and no error. */
  async get(name: string, o: { stale?: boolean } = {}): Promise<State> {
    return this.#read(leasePath(name), { stale: o.stale ? "true" : "" }, stateOfLease(name));
  }

  /** Reads the leases that are held, delayed or waited for, page by page. */
  async *list(o: { prefix?: string; holder?: string; stale?: boolean } = {}): AsyncGenerator<State, void, void> {
    for (let cursor: string | undefined = ""; cursor !== undefined; ) {
      const query = { prefix: o.prefix ?? "", holder: o.holder ?? "", stale: o.stale ? "true" : "", cursor };
      const page: { leases: State[]; next: string | undefined } = await this.#read("/v1/leases", query, pageOf);
      yield* page.leases;
      cursor = page.next || undefined;
    }
  }

  /** Whether a token is that of a hold that stands. */
  async check(name: string, token: number): Promise<boolean> {
    try {
      return await this.#read(leasePath(name, "check"), { token: String(token) }, currentOf(token));
    } catch (e) {
      if ((e instanceof Refused || e instanceof LeaseLost) && e.problem?.status === 409) return false;
      throw e;
    }
  }

  /** Tells the changes of leases, in order and without a hole, until its signal aborts. */
  watch(options: WatchOptions): AsyncGenerator<Event, void, void> {
    return watch(this.#cfg, options);
  }

  async #read<T>(path: string, query: Record<string, string>, read: (raw: unknown) => T): Promise<T> {
    const said = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ""));
    const timeout = this.#cfg.attemptTimeout();
    const target = said.size > 0 ? `${path}?${said}` : path;
    return (await send(this.#cfg, { method: "GET", path: target, prepare: () => ({ timeout }), read })).value;
  }

  /** The same in the shape of the browsers' Web Locks. */
  readonly locks = {
    /**
     * As `navigator.locks.request`: runs the callback while the lock is held. With
     * `ifAvailable` the callback gets null where others hold it. There are no shared
     * locks and no steal: use `limit`, or an operator's break.
     */
    request: async <T>(
      name: string,
      options: { ifAvailable?: boolean; signal?: AbortSignal; ttl?: number },
      callback: (lock: Lease | null) => T | Promise<T>,
    ): Promise<T> => {
      const { ifAvailable, ...rest } = options;
      let lease: Lease;
      try {
        lease = await this.acquire(name, { ...rest, wait: ifAvailable ? 0 : Infinity });
      } catch (e) {
        if (ifAvailable && e instanceof Held) return callback(null);
        throw e;
      }
      return guard(lease, rest.signal, () => callback(lease));
    },

    /** As `navigator.locks.query`: who holds. Who waits is counted only. */
    query: async (): Promise<{ held: { name: string; mode: "exclusive"; clientId: string }[] }> => {
      const held = [];
      for await (const s of this.list()) {
        for (const h of s.holders) held.push({ name: s.name, mode: "exclusive" as const, clientId: h.holder });
      }
      return { held };
    },
  };
}

/** Runs work under a lease, and gives it back after. Meanwhile the process goes on, even if work only waits for its signal. */
async function guard<T>(lease: Lease, stop: AbortSignal | undefined, work: Work<T>): Promise<T> {
  const alive = setInterval(() => {}, 2 ** 31 - 1);
  try {
    return await guarded(lease, stop, work);
  } finally {
    clearInterval(alive);
  }
}

async function guarded<T>(lease: Lease, stop: AbortSignal | undefined, work: Work<T>): Promise<T> {
  const signal = stop ? AbortSignal.any([lease.signal, stop]) : lease.signal;
  let result: T;
  try {
    result = await work(signal, lease);
  } catch (e) {
    const why = lease.lost && isAbort(e, signal) ? lease.signal.reason : e;
    await lease[Symbol.asyncDispose]().catch(() => {});
    throw why;
  }
  if (lease.lost) {
    await lease[Symbol.asyncDispose]().catch(() => {});
    throw lease.signal.reason;
  }
  await lease[Symbol.asyncDispose]();
  return result;
}

/** Whether work ended because it was told to. */
function isAbort(e: unknown, signal: AbortSignal): boolean {
  return signal.aborted && (e === signal.reason || (e as { name?: string } | null)?.name === "AbortError");
}
