// Refuses to wait inside the work under a lease for that same lease.

import { Reentrant } from "./errors.js";
import type { Lease } from "./lease.js";

/** A lease under which work runs, and the client that took it. */
interface Guarded {
  readonly client: object;
  readonly lease: Lease;
}

// As much of Node's and Deno's types as this needs.
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

/** Runs work under a lease, and notes that for what the work calls. */
export function runGuarded<T>(client: object, lease: Lease, work: () => T): T {
  return storage === undefined ? work() : storage.run([...(storage.getStore() ?? []), { client, lease }], work);
}

/** Throws if the caller is work under a lease of that name: it would wait for itself. */
export function refuseReentrance(client: object, name: string): void {
  const guarded = storage?.getStore()?.find((g) => g.client === client && g.lease.name === name && !g.lease.signal.aborted);
  if (guarded === undefined) return;
  throw new Reentrant(
    `${name} is held by the caller's own work already; lockd's locks are not reentrant: ` +
      "pass the lease on to what the work calls, ask without a wait, or ask after the work has ended",
  );
}
