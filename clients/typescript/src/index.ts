/**
 * The client of lockd, a distributed lock and leader-election service.
 *
 * A lease is a named lock with a holder and a TTL. Every grant has a fencing token that is greater than all earlier
 * ones. Send the token to the resource that the lease protects, and let the resource reject a lower one.
 *
 * @module
 */

export type { AcquireAllOptions } from "./acquire-all.js";
export { Client } from "./client.js";
export type { ClientOptions } from "./config.js";
export {
  CrossOrigin, Gone, Held, LeaseLost, LockdError, NotAcquired, NotAllowed, OutcomeUnknown, QuotaExceeded, Reentrant, Refused, Released,
  Unauthenticated, Unavailable, type Problem,
} from "./errors.js";
export type { Work } from "./guard.js";
export { Lease } from "./lease.js";
export type { LockInfo, LockOptions, Locks } from "./locks.js";
export type {
  Broken, ClusterStatus, Event, Grant, History, HolderState, Member, Previous, State, StepDown, StepDownRequested,
} from "./model.js";
export type { AcquireOptions } from "./operations.js";
export type { BreakOptions, StepDownOptions } from "./operator.js";
export type { Token } from "./tokens.js";
export type { WatchOptions } from "./watch.js";
