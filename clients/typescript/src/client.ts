// The client.

import { Activity, type Claim } from "./activity.js";
import { between } from "./clock.js";
import { Config, defaultTTL, type ClientOptions } from "./config.js";
import { LeaseLost, NotAcquired, OutcomeUnknown, Refused, Unavailable } from "./errors.js";
import { guard, type Work } from "./guard.js";
import { Renewer } from "./renewer.js";
import { Lease } from "./lease.js";
import { Locks } from "./locks.js";
import type { Event, State } from "./model.js";
import { checkName, checkPrefix } from "./names.js";
import { PendingReleases } from "./pending-releases.js";
import { refuseReentrance } from "./reentrance.js";
import { jitter, leasePath, minPause, send, sleep } from "./retry.js";
import { currentOf, pageOf, stateOfLease } from "./validate.js";
import * as operations from "./operations.js";
import type { AcquireOptions } from "./operations.js";
import { watch, type WatchOptions } from "./watch.js";

const permanentRefusals = new Set(["limit-mismatch", "session-in-use"]); // to campaign on

/** Speaks to one cluster in the name of one session. Durations are milliseconds. */
export class Client {
  readonly #cfg: Config;
  readonly #renewer: Renewer;
  readonly #pending: PendingReleases;
  readonly #activity: Activity;

  /** The same in the shape of the browsers' Web Locks. */
  readonly locks: Locks;

  /** Makes a client. It sends nothing. */
  constructor(options: ClientOptions = {}) {
    this.#cfg = new Config(options);
    this.#renewer = new Renewer(this.#cfg);
    this.#pending = new PendingReleases(this.#cfg);
    this.#activity = new Activity(this.#cfg.session);
    this.locks = new Locks(this, this.#activity);
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
    checkName(name);
    options.signal?.throwIfAborted();
    this.#cfg.checkTTL(options.ttl ?? defaultTTL);
    const wait = options.wait ?? 0;
    if (wait > 0 && !((options.limit ?? 1) > 1)) refuseReentrance(this, name);
    const start = this.#cfg.clock();
    const claim = await this.#activity.claim(name, { ...options, wait });
    try {
      return await this.#acquireFor(claim, options, Math.max(wait - between(start, this.#cfg.clock()), 0), limit);
    } catch (e) {
      claim.leave();
      throw e;
    }
  }

  async #acquireFor(claim: Claim, options: AcquireOptions, wait: number, limit: number): Promise<Lease> {
    const { name, session } = claim;
    const hold = await operations.acquire(this.#cfg, this.#pending, { name, session, options }, wait, limit);
    const lease = new Lease(this.#cfg, this.#pending, hold, claim.leave);
    claim.granted(hold);
    this.#renewer.deadlines.join(hold);
    if (options.keep ?? true) this.#renewer.renewals.join(hold);
    return lease;
  }

  /**
   * Runs work under the lease, and gives it back after. It waits in the queue, by
   * default for ever. The signal that work gets aborts when the lease is lost, or
   * with `options.signal`; the call ends when work has, and throws LeaseLost where
   * the lease was lost meanwhile.
   */
  async using<T>(name: string, options: AcquireOptions, work: Work<T>): Promise<T> {
    checkWork(work);
    return guard(this, await this.acquire(name, { wait: Infinity, ...options }), options.signal, work);
  }

  /**
   * Runs work whenever this client leads, and again after each loss: what work throws
   * then counts as its end. Returns what work returns by itself while it leads, and
   * throws what it throws. `options.signal` ends it: work is told, and the lease is
   * given back when it has ended.
   */
  async elect<T>(name: string, options: Omit<AcquireOptions, "wait" | "reclaim" | "keep">, work: Work<T>): Promise<T> {
    checkWork(work);
    for (;;) {
      options.signal?.throwIfAborted();
      const lease = await this.#campaign(name, options);
      try {
        return await guard(this, lease, options.signal, work);
      } catch (e) {
        const lost = lease.signal.reason instanceof LeaseLost || (lease.lateLoss !== undefined && e === lease.lateLoss);
        if (!lost) throw e;
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
        if (!again && !(e instanceof NotAcquired && !permanentRefusals.has(e.problem?.type ?? ""))) throw e;
      }
      await sleep(jitter(minPause), options.signal);
    }
  }

  /** Reads a lease. A free lease is a state, and no error. */
  async get(name: string, o: { stale?: boolean } = {}): Promise<State> {
    checkName(name);
    return this.#read(leasePath(name), { stale: o.stale ? "true" : "" }, stateOfLease(name));
  }

  /** Reads the leases that are held, delayed or waited for, page by page. */
  async *list(o: { prefix?: string; holder?: string; stale?: boolean } = {}): AsyncGenerator<State, void, void> {
    checkPrefix(o.prefix ?? "");
    for (let cursor: string | undefined = ""; cursor !== undefined; ) {
      const query = { prefix: o.prefix ?? "", holder: o.holder ?? "", stale: o.stale ? "true" : "", cursor };
      const page: { leases: State[]; next: string | undefined } = await this.#read("/v1/leases", query, pageOf);
      yield* page.leases;
      cursor = page.next || undefined;
    }
  }

  /** Whether a token is that of a hold that stands. */
  async check(name: string, token: number): Promise<boolean> {
    checkName(name);
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
}

function checkWork(work: unknown): void {
  if (typeof work !== "function") throw new TypeError(`the work to run under a lease must be a function, not ${typeof work}`);
}
