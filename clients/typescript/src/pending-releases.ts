// Releases that no node has confirmed yet.

import { between, type Instant } from "./clock.js";
import type { Config } from "./config.js";
import { isDenied, LeaseLost, LockdError, Refused } from "./errors.js";
import { jitter, leasePath, minPause, post, sleep } from "./retry.js";
import { releasedOf } from "./validate.js";

const callTimeout = 1_000; // how long a failed acquire waits for its release
const maxPause = 10_000; // between two repeats in the background
const maxPending = 4_096; // of one client; the oldest is dropped, and its hold ends with its TTL

/** What a release ends: a hold, by its token; or the hold or the place in the queue of an acquire, by its attempt. */
export type Target = { token: number; delay_ms?: number | undefined } | { attempt: string };

interface Release {
  readonly name: string;
  readonly body: object;
  readonly begun: Instant;
  readonly lasts: number; // after so many milliseconds there is nothing left to release
  readonly over: AbortController; // aborts when the release is confirmed or no longer needed
  readonly idle: AbortController; // aborts when it is over, or not repeated in the background because it was denied
}

/**
 * PendingReleases repeats releases in the background until a node confirms them, or until the hold has ended with its
 * TTL. The next acquire of the same name and session waits for them first, so that no late copy of a request can end
 * its hold. They do not keep the process alive. One that was refused for the credentials is not repeated in the
 * background, because nodes count such requests: only the next acquire sends it.
 */
export class PendingReleases {
  readonly #cfg: Config;
  readonly #byLease = new Map<string, Set<Release>>();
  #count = 0;

  constructor(cfg: Config) {
    this.#cfg = cfg;
  }

  /** Repeats a release in the background, unless it was refused for the credentials. */
  add(name: string, session: string, target: Target, lasts: number, denied = false): void {
    this.#add(name, session, target, lasts, denied);
  }

  /** Releases what an attempt may have acquired. Returns when that is confirmed, but after a second at most. */
  async withdraw(name: string, session: string, attempt: string, lasts: number): Promise<void> {
    const release = this.#add(name, session, { attempt }, lasts);
    await sleep(callTimeout, release.idle.signal).catch(() => {});
  }

  /** Sends the earlier releases of a name and session until a node confirms them. Throws if that fails. */
  async settle(name: string, session: string, signal: AbortSignal | undefined): Promise<void> {
    for (const release of [...(this.#byLease.get(keyOf(name, session)) ?? [])]) {
      if (release.over.signal.aborted || this.#left(release) <= 0) continue;
      try {
        await post(this.#cfg, leasePath(name, "release"), release.body, releasedOf, { signal });
      } catch (e) {
        if (!(e instanceof LeaseLost)) throw e; // the hold has ended already
      }
      release.over.abort();
    }
  }

  /** Waits until all are confirmed, for at most so many milliseconds. The wait keeps the process alive. */
  async finish(within: number): Promise<void> {
    const all = [...this.#byLease.values()].flatMap((releases) => [...releases]);
    const confirmed = new AbortController();
    const each = all.map(({ idle }) => new Promise<void>((done) => {
      if (idle.signal.aborted) done();
      else idle.signal.addEventListener("abort", () => done(), { once: true });
    }));
    void Promise.all(each).then(() => confirmed.abort());
    await sleep(within, confirmed.signal).catch(() => {});
  }

  #add(name: string, session: string, target: Target, lasts: number, denied = false): Release {
    const body = { session, ...target };
    const release = { name, body, begun: this.#cfg.clock(), lasts, over: new AbortController(), idle: new AbortController() };
    const key = keyOf(name, session);
    if (this.#count >= maxPending) this.#oldest()?.over.abort();
    const all = this.#byLease.get(key) ?? new Set();
    this.#byLease.set(key, all.add(release));
    this.#count++;
    release.over.signal.addEventListener("abort", () => {
      this.#count--;
      all.delete(release);
      if (all.size === 0 && this.#byLease.get(key) === all) this.#byLease.delete(key);
      release.idle.abort();
    });
    void this.#repeat(release, denied);
    return release;
  }

  #oldest(): Release | undefined {
    for (const all of this.#byLease.values()) for (const release of all) return release;
    return undefined;
  }

  #left(release: Release): number {
    return release.lasts - between(release.begun, this.#cfg.clock());
  }

  async #repeat(release: Release, denied: boolean): Promise<void> {
    const { signal } = release.over;
    try {
      for (let pause = minPause; this.#left(release) > 0; pause = Math.min(2 * pause, maxPause)) {
        if (denied) {
          release.idle.abort();
          await sleep(this.#left(release), signal, true);
          break;
        }
        const options = { background: true, budget: this.#left(release), signal };
        const error = await post(this.#cfg, leasePath(release.name, "release"), release.body, releasedOf, options).catch((e: unknown) => e);
        if (!(error instanceof LockdError) || error instanceof LeaseLost || isInvalid(error)) break;
        denied = isDenied(error);
        if (!denied) await sleep(jitter(pause), signal, true);
      }
    } catch {
      // it is confirmed already
    }
    release.over.abort();
  }
}

const keyOf = (name: string, session: string): string => `${session} ${name}`;

/** Reports whether a node refused the content of a release. It would refuse a repeat too. */
export const isInvalid = (e: unknown): boolean => e instanceof Refused && e.problem?.status === 400;
