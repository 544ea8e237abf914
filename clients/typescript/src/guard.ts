// Runs work under a lease.

import type { LeaseLost } from "./errors.js";
import type { Lease } from "./lease.js";
import { runGuarded } from "./reentrance.js";

/** Work to run under a lease. It must stop when the signal aborts. */
export type Work<T> = (signal: AbortSignal, lease: Lease) => T | Promise<T>;

/**
 * Runs work under a lease of a client, and then releases the lease. It keeps the process alive, even if work only waits
 * for its signal. Throws LeaseLost if the lease was lost meanwhile. If work throws, the call throws that error.
 */
export async function guard<T>(client: object, lease: Lease, stop: AbortSignal | undefined, work: Work<T>): Promise<T> {
  const alive = setInterval(() => {}, 2 ** 31 - 1);
  try {
    return await guarded(client, lease, stop, work);
  } finally {
    clearInterval(alive);
  }
}

async function guarded<T>(client: object, lease: Lease, stop: AbortSignal | undefined, work: Work<T>): Promise<T> {
  const signal = stop ? AbortSignal.any([lease.signal, stop]) : lease.signal;
  let result: T;
  try {
    result = await runGuarded(client, lease, () => work(signal, lease));
  } catch (e) {
    const why = lease.lost && isAbort(e, signal) ? (lease.lateLoss ?? lease.signal.reason) : e;
    const loss = await lease.finish();
    throw loss === undefined ? why : withCause(why, loss);
  }
  const lost = lease.lost;
  const loss = await lease.finish();
  if (lost) throw lease.lateLoss ?? lease.signal.reason;
  if (loss !== undefined) throw loss;
  return result;
}

/** Reports whether work ended because its signal aborted. */
function isAbort(e: unknown, signal: AbortSignal): boolean {
  return signal.aborted && (e === signal.reason || (e as { name?: string } | null)?.name === "AbortError");
}

/** Adds a loss as the cause of the error that work threw, unless the error has a cause. */
function withCause(e: unknown, loss: LeaseLost): unknown {
  if (e instanceof Error && !("cause" in e) && Object.isExtensible(e)) {
    Object.defineProperty(e, "cause", { value: loss, writable: true, configurable: true });
  }
  return e;
}
