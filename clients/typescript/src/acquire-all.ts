// The acquire of several leases in one step.

import { defaultTTL, randomHex, type Config } from "./config.js";
import { Hold } from "./hold.js";
import { checkName } from "./names.js";
import { attemptBytes } from "./operations.js";
import type { PendingReleases } from "./pending-releases.js";
import { AttemptErrors, send } from "./retry.js";
import { grantsOf } from "./validate.js";

const maxNames = 64;

/** The options of an acquire of several leases. Durations are milliseconds. */
export interface AcquireAllOptions {
  /** 1 s to 24 h; by default 15 s. */
  ttl?: number;
  /** An object that every reader sees. */
  meta?: object;
  /** If false, the leases are not renewed in the background and end at their deadlines. */
  keep?: boolean;
  /** Ends the call. The client releases what a request may have acquired. */
  signal?: AbortSignal;
}

/** Checks the names of leases to acquire in one step. Throws TypeError. */
export function checkNames(names: unknown): void {
  if (!Array.isArray(names)) throw new TypeError(`the names of leases must be an array, not ${typeof names}`);
  if (names.length < 1 || names.length > maxNames) throw new TypeError(`${names.length} names: acquireAll needs 1 to ${maxNames}`);
  names.forEach(checkName);
  const duplicate = names.find((name, i) => names.indexOf(name) !== i);
  if (duplicate !== undefined) throw new TypeError(`the name ${JSON.stringify(duplicate)} is given twice`);
}

/** Acquires all leases or none, and does not wait. If it throws, it releases what its requests may have acquired. */
export async function acquireAll(
  cfg: Config, pending: PendingReleases, names: readonly string[], session: string, o: AcquireAllOptions,
): Promise<Hold[]> {
  const ttl = o.ttl ?? defaultTTL;
  const timeout = cfg.attemptTimeout(ttl);
  const attempt = randomHex(attemptBytes);
  const attemptErrors = new AttemptErrors();
  const body = { names, holder: cfg.holder, session, attempt, ttl_ms: Math.ceil(ttl), meta: o.meta };
  try {
    for (const name of names) await pending.settle(name, session, o.signal);
    const { value: grants, sent } = await send(cfg, {
      method: "POST", path: "/v1/acquire", prepare: () => ({ body, timeout }), read: grantsOf(names), attemptErrors, signal: o.signal,
    });
    return grants.map((grant) => new Hold(cfg, grant, sent, ttl, session));
  } catch (e) {
    if (attemptErrors.mayBeApplied) await Promise.all(names.map((name) => pending.withdraw(name, session, attempt, ttl + timeout)));
    throw o.signal?.aborted ? o.signal.reason : e;
  }
}
