/**
 * A run coordinator for node-cron 4.6 or newer: one of several schedulers runs each tick of a task.
 *
 * @module
 */

import type { RunCoordinator, TaskContext } from "node-cron";
import type { Client } from "./client.js";
import { NotAcquired } from "./errors.js";
import type { Lease } from "./lease.js";
import { sleep } from "./retry.js";

const shortestLease = 1_000;
const longestDelay = 60_000; // of a lease after a release
const aDay = 24 * 3_600_000;

interface Run {
  lease: Lease;
  closedUntil: number; // on the clock of performance.now()
}

export interface LeaseCoordinatorOptions {
  /** The prefix of the leases' names; by default "cron.". */
  prefix?: string;
  /**
   * The longest time for which a lease is kept, in milliseconds; by default a day. node-cron does not report that the
   * process of a background task died in a run, and without this limit its lease would be renewed forever. A run that
   * takes longer loses its lease.
   */
  longestRun?: number;
}

/**
 * LeaseCoordinator acquires a lease for each tick and keeps it while the task runs. The name has the task and the
 * scheduled time. The tick stays closed for the task's `distributedLease` (30 s by default) at least. So a scheduler
 * whose clock is late by less does not run a short task again.
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

  /** Called by node-cron. If no node answers, it throws, and node-cron does not run the task. */
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

  /** Releases the lease of a run that takes too long. */
  async #bound(key: string, ended: AbortSignal): Promise<void> {
    try {
      await sleep(this.#longestRun, ended);
      await this.onComplete(key);
    } catch {
      // the lease has ended, or ends with its TTL because nothing renews it
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
   * Returns the lease of a run. Its signal aborts when the lease is lost. Send its token to the resource that the task
   * writes to. Undefined if the run was started by `task.execute()` and not by a tick.
   */
  lease(context: TaskContext): Lease | undefined {
    return this.#runs.get(`${context.task?.name}:${context.date.toISOString()}`)?.lease;
  }
}

/**
 * Returns the lease name for a key, which ends with a colon and the time. A colon, or a character that is not allowed
 * in a name, is replaced by its code point in hexadecimal digits between colons.
 */
function leaseName(key: string): string {
  const at = key.length - new Date(0).toISOString().length - 1;
  return key.slice(0, at).replace(/[^A-Za-z0-9._-]/gu, (c) => `:${c.codePointAt(0)!.toString(16)}:`) + key.slice(at);
}
