// The client: the public operations.

import { acquireAll, checkNames, type AcquireAllOptions } from "./acquire-all.js";
import { Activity, type Claim } from "./activity.js";
import { between } from "./clock.js";
import { Config, defaultTTL, type ClientOptions } from "./config.js";
import { LeaseLost, NotAcquired, OutcomeUnknown, Refused, Unavailable } from "./errors.js";
import { guard, type Work } from "./guard.js";
import { Renewer } from "./renewer.js";
import { Lease } from "./lease.js";
import { Locks } from "./locks.js";
import type { Hold } from "./hold.js";
import type { Broken, ClusterStatus, Event, History, State, StepDownRequested } from "./model.js";
import { checkName, checkPrefix } from "./names.js";
import { PendingReleases } from "./pending-releases.js";
import { refuseReentrance } from "./reentrance.js";
import { jitter, leasePath, minPause, send, sleep } from "./retry.js";
import { clusterOf, currentOf, historyOf, pageOf, stateOfLease } from "./validate.js";
import * as operations from "./operations.js";
import type { AcquireOptions } from "./operations.js";
import { breakHold, stepDown, type BreakOptions, type StepDownOptions } from "./operator.js";
import { watch, type WatchOptions } from "./watch.js";

const permanentRefusals = new Set(["limit-mismatch", "session-in-use"]); // a candidate does not repeat these

/** A client of one cluster, with one session. Durations are milliseconds. */
export class Client {
  readonly #cfg: Config;
  readonly #renewer: Renewer;
  readonly #pending: PendingReleases;
  readonly #activity: Activity;

  /** Leases with the API of the browsers' Web Locks. */
  readonly locks: Locks;

  /** Creates a client. It sends nothing. */
  constructor(options: ClientOptions = {}) {
    this.#cfg = new Config(options);
    this.#renewer = new Renewer(this.#cfg);
    this.#pending = new PendingReleases(this.#cfg);
    this.#activity = new Activity(this.#cfg.session);
    this.locks = new Locks(this, this.#activity);
  }

  /** The public holder label of the client's holds and waits. */
  get holder(): string {
    return this.#cfg.holder;
  }

  /** The client's session. It is a secret. */
  get session(): string {
    return this.#cfg.session;
  }

  /**
   * Waits until every release that no node has confirmed yet is certain, for at most so many milliseconds. Call it before
   * the process ends: releases in the background do not keep it alive. Leases that are held are not released.
   */
  async close(within = 5_000): Promise<void> {
    await this.#pending.finish(within);
  }

  /**
   * Acquires the lease, or waits for it in its queue. Throws NotAcquired if it is refused, and Held if others hold it
   * or wait for it. Two calls of one client for one name exclude each other. A lease does not keep a process of Node or
   * Deno alive that has nothing else to do. If the lease is not released, it ends with its TTL.
   */
  async acquire(name: string, options: AcquireOptions = {}): Promise<Lease> {
    return this.#acquire(name, options, this.#cfg.unreachableTimeout);
  }

  /** Acquires. Throws if no node has answered for the limit. */
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
    return this.#leaseOf(claim, await operations.acquire(this.#cfg, this.#pending, { name, session, options }, wait, limit), options.keep);
  }

  #leaseOf(claim: Claim, hold: Hold, keep = true): Lease {
    const lease = new Lease(this.#cfg, this.#pending, hold, claim.leave);
    claim.granted(hold);
    this.#renewer.deadlines.join(hold);
    if (keep) this.#renewer.renewals.join(hold);
    return lease;
  }

  /**
   * Acquires up to 64 leases in one step, or none of them, and does not wait. Returns them in the order of the names,
   * each with its own token. Leases that the session holds already are renewed with the others. Throws NotAcquired if
   * it is refused; `problem.leases` are those that prevented it.
   */
  async acquireAll(names: readonly string[], options: AcquireAllOptions = {}): Promise<Lease[]> {
    checkNames(names);
    options.signal?.throwIfAborted();
    this.#cfg.checkTTL(options.ttl ?? defaultTTL);
    const claims: Claim[] = [];
    try {
      for (const name of names) claims.push(await this.#activity.claim(name, { wait: 0 }));
      const holds = await acquireAll(this.#cfg, this.#pending, names, this.#cfg.session, options);
      return holds.map((hold, i) => this.#leaseOf(claims[i]!, hold, options.keep));
    } catch (e) {
      for (const claim of claims) claim.leave();
      throw e;
    }
  }

  /**
   * Runs work under the lease, and releases the lease after it. It waits in the queue, by default without a time limit.
   * The signal that work receives aborts when the lease is lost, or with `options.signal`. The call returns when work
   * has ended. It throws LeaseLost if the lease was lost meanwhile.
   */
  async using<T>(name: string, options: AcquireOptions, work: Work<T>): Promise<T> {
    checkWork(work);
    return guard(this, await this.acquire(name, { wait: Infinity, ...options }), options.signal, work);
  }

  /**
   * Runs work whenever this client leads, and again after each loss. An error that work throws after a loss is ignored.
   * While the client leads, the call returns what work returns and throws what work throws. `options.signal` ends the
   * election: the signal of work aborts, and the lease is released when work has ended.
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

  /** Acquires the lease, and repeats that after each temporary failure. */
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

  /** Reads a lease. A free lease is a state and not an error. */
  async get(name: string, o: { stale?: boolean } = {}): Promise<State> {
    checkName(name);
    return this.#read(leasePath(name), { stale: o.stale ? "true" : "" }, stateOfLease(name));
  }

  /** Reads the leases that are held or delayed, or that have waiters. It requests page by page. */
  async *list(o: { prefix?: string; holder?: string; stale?: boolean } = {}): AsyncGenerator<State, void, void> {
    checkPrefix(o.prefix ?? "");
    for (let cursor: string | undefined = ""; cursor !== undefined; ) {
      const query = { prefix: o.prefix ?? "", holder: o.holder ?? "", stale: o.stale ? "true" : "", cursor };
      const page: { leases: State[]; next: string | undefined } = await this.#read("/v1/leases", query, pageOf);
      yield* page.leases;
      cursor = page.next || undefined;
    }
  }

  /** Reports whether a token belongs to a current hold. */
  async check(name: string, token: number): Promise<boolean> {
    checkName(name);
    try {
      return await this.#read(leasePath(name, "check"), { token: String(token) }, currentOf(token));
    } catch (e) {
      if ((e instanceof Refused || e instanceof LeaseLost) && e.problem?.status === 409) return false;
      throw e;
    }
  }

  /** Reads the newest events of a name, at most 16, newest first. */
  async history(name: string, o: { stale?: boolean } = {}): Promise<History> {
    checkName(name);
    return this.#read(leasePath(name, "history"), { stale: o.stale ? "true" : "" }, historyOf(name));
  }

  /** Reads the members of the cluster and its leader, as the node that answers sees them. */
  async cluster(): Promise<ClusterStatus> {
    return this.#read("/v1/cluster", {}, clusterOf);
  }

  /**
   * For operators: ends a hold of another session. Its holder's renewals are refused from now on, and the lease is free
   * after the grace. Throws LeaseLost if the token is not current.
   */
  async break(name: string, options: BreakOptions): Promise<Broken> {
    checkName(name);
    return breakHold(this.#cfg, name, options);
  }

  /**
   * For operators: asks a holder to transfer or release the lease when that is safe. The hold does not end by it. The
   * holder finds `lease.stepDown` after its next renewal. Throws LeaseLost if the token is not current.
   */
  async stepDown(name: string, options: StepDownOptions): Promise<StepDownRequested> {
    checkName(name);
    return stepDown(this.#cfg, name, options);
  }

  /** Iterates over the changes of leases, in order and without gaps, until its signal aborts. */
  watch(options: WatchOptions): AsyncGenerator<Event, void, void> {
    return watch(this.#cfg, options);
  }

  async #read<T>(path: string, query: Record<string, string>, read: (raw: unknown) => T): Promise<T> {
    const parameters = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ""));
    const timeout = this.#cfg.attemptTimeout();
    const target = parameters.size > 0 ? `${path}?${parameters}` : path;
    return (await send(this.#cfg, { method: "GET", path: target, prepare: () => ({ timeout }), read })).value;
  }
}

function checkWork(work: unknown): void {
  if (typeof work !== "function") throw new TypeError(`the work to run under a lease must be a function, not ${typeof work}`);
}
