// Detects work under a lease that waits for the same lease.

import { Reentrant } from "./errors.js";
import type { Lease } from "./lease.js";

/** A lease under which work runs, and its client. */
interface Guarded {
  readonly client: object;
  readonly lease: Lease;
}

// The part of Node's and Deno's types that is used here.
interface Storage<T> {
  run<R>(value: T, call: () => R): R;
  getStore(): T | undefined;
}
interface AsyncHooks {
  AsyncLocalStorage: new <T>() => Storage<T>;
}

const runtime = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }).process;
const hooks = runtime?.getBuiltinModule?.("node:async_hooks") as AsyncHooks | undefined;
const storage = hooks && new hooks.AsyncLocalStorage<readonly Guarded[]>(); // undefined in browsers

/** Runs work under a lease. Calls of the work can be detected by refuseReentrance. */
export function runGuarded<T>(client: object, lease: Lease, work: () => T): T {
  return storage === undefined ? work() : storage.run([...(storage.getStore() ?? []), { client, lease }], work);
}

/** Throws Reentrant if the caller is work under a lease of that name, since it would wait for itself. */
export function refuseReentrance(client: object, name: string): void {
  const guarded = storage?.getStore()?.find((g) => g.client === client && g.lease.name === name && !g.lease.signal.aborted);
  if (guarded === undefined) return;
  throw new Reentrant(
    `${name} is held by the caller's work already; lockd's locks are not reentrant: ` +
      "pass the lease to the functions that the work calls, acquire without a wait, or acquire after the work has ended",
  );
}
