/**
 * The client of lockd, a distributed lock and leader-election service.
 *
 * There is one noun, the lease: a named, time-bounded right with a holder. Every
 * grant has a fencing token that only grows: give it to what the lease protects,
 * and let that refuse a lower one.
 *
 * @module
 */

export { Client } from "./client.js";
export type { ClientOptions } from "./config.js";
export {
  Gone, Held, LeaseLost, LockdError, NotAcquired, OutcomeUnknown, Reentrant, Refused, Released, Unavailable, type Problem,
} from "./errors.js";
export type { Work } from "./guard.js";
export { Lease } from "./lease.js";
export type { LockInfo, LockOptions, Locks } from "./locks.js";
export type { Event, Grant, HolderState, Previous, State, StepDown } from "./model.js";
export type { AcquireOptions } from "./operations.js";
export type { WatchOptions } from "./watch.js";
