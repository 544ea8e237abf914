// The browsers' Web Locks API for leases: see https://w3c.github.io/web-locks/.

import type { Activity } from "./activity.js";
import { NotAcquired } from "./errors.js";
import { guard } from "./guard.js";
import type { Lease } from "./lease.js";
import type { State } from "./model.js";
import { lockName } from "./names.js";
import type { AcquireOptions } from "./operations.js";

/** The options of a request. Durations are milliseconds. */
export interface LockOptions {
  /** There are no shared locks: use `limit` of `client.acquire`. */
  mode?: "exclusive";
  /** Calls the callback with null if the lock is not available at once. */
  ifAvailable?: boolean;
  /** Ends the wait. It has no effect on a granted lock. */
  signal?: AbortSignal;
  /** The TTL of the lease; by default 15 s. */
  ttl?: number;
}

/** A lock that is held or requested. */
export interface LockInfo {
  name: string;
  mode: "exclusive";
  /** For this client a random ID, the same for all locks of its session. For other clients the holder label. */
  clientId: string;
}

type Callback<T> = (lock: Lease | null) => T | Promise<T>;

/** The part of a client that locks use. */
interface LockClient {
  readonly holder: string;
  acquire(name: string, options: AcquireOptions): Promise<Lease>;
  list(): AsyncIterable<State>;
}

// Refusals that other clients cause: the lock is not available.
const notAvailable = new Set(["held", "delayed", "limit-mismatch"]);

/** Locks has the API of `navigator.locks`. */
export class Locks {
  readonly #client: LockClient;
  readonly #activity: Activity;

  /** @internal */
  constructor(client: LockClient, activity: Activity) {
    this.#client = client;
    this.#activity = activity;
  }

  /**
   * As `navigator.locks.request`: runs the callback while the lock is held, and resolves with its result. The lock is a
   * Lease, with a token and a signal that aborts when it is lost. Invalid arguments throw TypeError before anything is
   * sent. What the standard or lockd does not support throws NotSupportedError.
   */
  request<T>(name: string, callback: Callback<T>): Promise<T>;
  request<T>(name: string, options: LockOptions, callback: Callback<T>): Promise<T>;
  async request<T>(...given: unknown[]): Promise<T> {
    if (given.length < 2) throw new TypeError("locks.request needs a name and a callback");
    const name = lockName(given[0]);
    const callback = given.length === 2 ? given[1] : given[2];
    const options = checkOptions(given.length === 2 ? {} : given[1]);
    if (typeof callback !== "function") throw new TypeError("the callback of locks.request must be a function");
    return this.#run(name, options, callback as Callback<T>);
  }

  async #run<T>(name: string, o: LockOptions, callback: Callback<T>): Promise<T> {
    o.signal?.throwIfAborted();
    const options: AcquireOptions = { wait: o.ifAvailable ? 0 : Infinity };
    if (o.ttl !== undefined) options.ttl = o.ttl;
    if (o.signal !== undefined) options.signal = o.signal;
    let lease: Lease;
    try {
      lease = await this.#client.acquire(name, options);
    } catch (e) {
      if (!o.ifAvailable || !(e instanceof NotAcquired) || !notAvailable.has(e.problem?.type ?? "held")) throw e;
      return callback(null);
    }
    return guard(this.#client, lease, undefined, () => callback(lease));
  }

  /**
   * As `navigator.locks.query`: the held locks of all clients, in the order of their grants, and the requested ones, in
   * the order of their requests.
   */
  async query(): Promise<{ held: LockInfo[]; pending: LockInfo[] }> {
    const states: State[] = [];
    for await (const state of this.#client.list()) states.push(state);
    const { requested, local, held: ours } = this.#activity.now();
    const isMine = (name: string, holder: string): string | undefined => {
      const at = holder === this.#client.holder ? requested.findIndex((a) => a.name === name) : -1;
      return at < 0 ? undefined : requested.splice(at, 1)[0]!.clientId;
    };
    const queued = states.flatMap(({ name, queue }) =>
      queue.map((w) => ({ name, waiting: w.waiting_ms, clientId: isMine(name, w.holder) ?? w.holder })));
    const mine = new Map(ours.map((h) => [`${h.token} ${h.name}`, h.clientId]));
    const held = states.flatMap(({ name, holders }) => // a request that is not queued may be granted by now
      holders.map((h) => ({ name, token: h.token, clientId: mine.get(`${h.token} ${name}`) ?? isMine(name, h.holder) ?? h.holder })));
    const pending = [...queued, ...requested, ...local];
    return {
      held: held.sort((a, b) => a.token - b.token).map(infoOf),
      pending: pending.sort((a, b) => b.waiting - a.waiting).map(infoOf),
    };
  }
}

const infoOf = ({ name, clientId }: { name: string; clientId: string }): LockInfo => ({ name, mode: "exclusive", clientId });

function notSupported(what: string): DOMException {
  return new DOMException(what, "NotSupportedError");
}

/** Checks the options of a request in the order of the standard. */
function checkOptions(raw: unknown): LockOptions {
  if (raw === undefined || raw === null) return {};
  if (typeof raw !== "object" && typeof raw !== "function") throw new TypeError("the options of locks.request must be an object");
  const { mode, ifAvailable, steal, signal, ttl } = raw as { [key: string]: unknown };
  if (mode !== undefined && mode !== "exclusive" && mode !== "shared") {
    throw new TypeError(`the mode ${String(mode)} of a lock is unknown: it must be "exclusive" or "shared"`);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw new TypeError("the signal of locks.request must be an AbortSignal");
  if (steal && ifAvailable) throw notSupported("steal and ifAvailable exclude each other");
  if (steal && mode === "shared") throw notSupported("steal needs an exclusive lock");
  if (signal !== undefined && steal) throw notSupported("signal and steal exclude each other");
  if (signal !== undefined && ifAvailable) throw notSupported("signal and ifAvailable exclude each other");
  if (steal) {
    throw notSupported("steal is not supported: an operator can break the hold with `lockd break NAME --token TOKEN --reason REASON`");
  }
  if (mode === "shared") throw notSupported("shared locks are not supported: use client.acquire with a limit");
  return {
    ...(ifAvailable ? { ifAvailable: true } : {}),
    ...(signal === undefined ? {} : { signal }),
    ...(ttl === undefined ? {} : { ttl: ttl as number }),
  };
}
