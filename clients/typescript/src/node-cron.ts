/**
 * For node-cron, 4.6 or newer: of several schedulers one runs each tick of a task.
 *
 * @module
 */

import type { RunCoordinator, TaskContext } from "node-cron";
import type { Client } from "./client.js";
import { NotAcquired } from "./errors.js";
import type { Lease } from "./lease.js";
import { sleep } from "./retry.js";

const shortestLease = 1_000;
const longestDelay = 60_000; // for which the cluster keeps a lease free after a release
const aDay = 24 * 3_600_000;

interface Run {
  lease: Lease;
  closedUntil: number; // on the clock of performance.now()
}

export interface LeaseCoordinatorOptions {
  /** With what the leases' names begin; by default "cron.". */
  prefix?: string;
  /**
   * For how many milliseconds a lease is kept at most, by default a day. node-cron
   * does not tell when the process of a background task has died in a run, and its
   * lease would be renewed for ever. A run that takes longer loses its lease.
   */
  longestRun?: number;
}

/**
 * Takes a lease for each tick, named by the task and the time at which it was due,
 * and keeps it while the task runs. The tick stays closed for the task's
 * `distributedLease` (30 s by default) at least, so that a scheduler whose clock is
 * behind by less does not run a short task again.
 */
export class LeaseCoordinator implements RunCoordinator {
  readonly #client: Client;
  readonly #prefix: string;
  readonly #longestRun: number;
  readonly #runs = new Map<string, Run>();

  constructor(client: Client, options: LeaseCoordinatorOptions = {}) {
    this.#client = client;
    this.#prefix = options.prefix ?? "cron.";
    this.#longestRun = options.longestRun ?? aDay;
  }

  /** Called by node-cron. Where no node answers it throws, and node-cron does not run the task. */
  async shouldRun(key: string, ttlMs: number): Promise<boolean> {
    const closedUntil = performance.now() + ttlMs;
    try {
      const lease = await this.#client.acquire(this.#prefix + leaseName(key), { ttl: Math.max(ttlMs, shortestLease) });
      this.#runs.set(key, { lease, closedUntil });
      void this.#bound(key, lease.signal);
      return true;
    } catch (e) {
      if (e instanceof NotAcquired) return false;
      throw e;
    }
  }

  /** Ends a run that takes too long, unless its lease has ended before. */
  async #bound(key: string, ended: AbortSignal): Promise<void> {
    try {
      await sleep(this.#longestRun, ended);
      await this.onComplete(key);
    } catch {
      // It has ended, or ends at its TTL: it is renewed no more.
    }
  }

  /** Called by node-cron. */
  async onComplete(key: string): Promise<void> {
    const run = this.#runs.get(key);
    if (run === undefined) return;
    this.#runs.delete(key);
    const left = Math.ceil(run.closedUntil - performance.now());
    await run.lease.release({ delay: Math.min(Math.max(left, 0), longestDelay) });
  }

  /**
   * The lease under which a task runs: its signal aborts when it is lost, and its
   * token is for what the task writes to. Undefined where the run is not of a tick,
   * but was asked for by `task.execute()`.
   */
  lease(context: TaskContext): Lease | undefined {
    return this.#runs.get(`${context.task?.name}:${context.date.toISOString()}`)?.lease;
  }
}

/**
 * Makes a lease's name of a key, which ends with a colon and the time: what a name
 * may not have in it, and a colon, stands between colons as its number.
 */
function leaseName(key: string): string {
  const at = key.length - new Date(0).toISOString().length - 1;
  return key.slice(0, at).replace(/[^A-Za-z0-9._-]/gu, (c) => `:${c.codePointAt(0)!.toString(16)}:`) + key.slice(at);
}
