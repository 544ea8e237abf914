/**
 * The client of lockd, a distributed lock and leader-election service.
 *
 * There is one noun, the lease: a named, time-bounded right with a holder. Every
 * grant has a fencing token that only grows: give it to what the lease protects,
 * and let that refuse a lower one.
 *
 * @module
 */

export { Client, Lease, type Work } from "./client.js";
export type { ClientOptions } from "./config.js";
export {
  Gone, Held, LeaseLost, LockdError, NotAcquired, OutcomeUnknown, Refused, Released, Unavailable, type Problem,
} from "./errors.js";
export type { Event, Grant, HolderState, Previous, State, StepDown } from "./model.js";
export type { AcquireOptions } from "./talks.js";
export type { WatchOptions } from "./watch.js";
