// The operations on one lease: acquire, release, renew, transfer.

import { between } from "./clock.js";
import { defaultTTL, randomHex, type Config } from "./config.js";
import { isDenied, LeaseLost, LockdError, NotAllowed, OutcomeUnknown, Unavailable } from "./errors.js";
import { Hold } from "./hold.js";
import { isInvalid, type PendingReleases } from "./pending-releases.js";
import { AttemptErrors, jitter, leasePath, maxPause, minPause, post, send, sleep, type PostOptions } from "./retry.js";
import { grantOf, releasedOf, renewalsOf, transferredOf, type ReleaseAnswer } from "./validate.js";

const maxTogether = 256; // leases in one renewal
export const attemptBytes = 8; // of the random ID of one acquire call

const worthRetrying = new Set(["held", "delayed", "queue-full", "too-many-leases", "state-full", "rate-limited", "quota"]);

/** The options of an acquire. Durations are milliseconds. */
export interface AcquireOptions {
  /** 1 s to 24 h; by default 15 s. */
  ttl?: number;
  /** How long to wait in the queue; by default 0. Infinity: until the signal aborts. */
  wait?: number;
  /**
   * How many holds the lease may have at once. Above 1, several calls of this client may hold it, each with its own
   * session.
   */
  limit?: number;
  /** How long the lease stays unavailable after this hold expires or is broken. */
  delay?: number;
  /** From -100 to 100. It orders the queue and does not end a hold. */
  priority?: number;
  /** An object that every reader sees. */
  meta?: object;
  /**
   * If the session holds the lease already, gives it a new token. This fences off an earlier process, whatever its
   * holder label was.
   */
  reclaim?: boolean;
  /** If false, the lease is not renewed in the background and ends at its deadline. */
  keep?: boolean;
  /** Ends the wait. The client releases what a request may have acquired. */
  signal?: AbortSignal;
}

/** The arguments of one acquire call. */
export interface AcquireRequest {
  readonly name: string;
  readonly session: string;
  readonly options: AcquireOptions;
}

/** One acquire call, with all its requests. */
interface Attempt extends AcquireRequest {
  readonly id: string; // identifies the requests of this call, and what they acquire, at the nodes
  readonly attemptErrors: AttemptErrors;
  queued: boolean; // the session keeps a place in the queue while no request waits
}

/**
 * Acquires a lease, or waits for it. It does not throw temporary failures during the wait: the session keeps its place
 * in the queue. It throws if no node has answered for the limit. If it throws, it has released what its requests
 * acquired, or releases it in the background.
 */
export async function acquire(
  cfg: Config, pending: PendingReleases, request: AcquireRequest, wait: number, limit: number,
): Promise<Hold> {
  const attempt: Attempt = { ...request, id: randomHex(attemptBytes), attemptErrors: new AttemptErrors(), queued: false };
  try {
    return await acquireUntil(cfg, pending, attempt, wait, limit);
  } catch (e) {
    const { name, session, options, id, attemptErrors, queued } = attempt;
    const ttl = options.ttl ?? defaultTTL;
    const lasts = ttl + Math.min(wait, cfg.piece) + cfg.attemptTimeout(ttl);
    if (attemptErrors.mayBeApplied || queued) await pending.withdraw(name, session, id, lasts);
    throw options.signal?.aborted ? options.signal.reason : e;
  }
}

async function acquireUntil(cfg: Config, pending: PendingReleases, a: Attempt, wait: number, limit: number): Promise<Hold> {
  const start = cfg.clock();
  let pause = minPause;
  for (;;) {
    const sentAt = cfg.clock();
    const left = Math.min(Math.max(wait - between(start, sentAt), 0), cfg.piece);
    try {
      await pending.settle(a.name, a.session, a.options.signal);
      return await acquireOnce(cfg, a, left);
    } catch (e) {
      if (a.options.signal?.aborted || !(e instanceof LockdError)) throw e;
      if (e.problem?.definitive && !(e instanceof Unavailable || isDenied(e))) a.queued = e.problem.queued;
      const now = cfg.clock();
      const over = between(start, now) >= wait || cfg.reachability.silence(start, now) >= limit;
      if (over || !isWorthRetrying(e)) throw e;
    }
    const took = between(sentAt, cfg.clock());
    if (left > 0 && took >= left) {
      pause = minPause; // the request waited for its full time: repeat it at once
      continue;
    }
    if (took >= maxPause) pause = minPause; // the wait was cut: the node keeps the place for a few seconds
    await sleep(jitter(pause), a.options.signal);
    pause = Math.min(2 * pause, maxPause);
  }
}

async function acquireOnce(cfg: Config, a: Attempt, wait: number): Promise<Hold> {
  const { name, session, options: o } = a;
  const ttl = o.ttl ?? defaultTTL;
  const { value: grant, sent } = await send(cfg, {
    method: "POST",
    path: leasePath(name, "acquire"),
    read: grantOf(name),
    prepare: (elapsed) => {
      const left = Math.max(wait - elapsed, 0);
      const body = {
        holder: cfg.holder, session, attempt: a.id, ttl_ms: Math.ceil(ttl), wait_ms: left > 0 ? Math.ceil(left) : undefined,
        limit: o.limit, delay_ms: o.delay, priority: o.priority, meta: o.meta, reclaim: o.reclaim || undefined,
      };
      return { body, timeout: cfg.attemptTimeout(ttl), wait: left };
    },
    attemptErrors: a.attemptErrors,
    signal: o.signal,
  });
  return new Hold(cfg, grant, sent, ttl, session);
}

function isWorthRetrying(e: LockdError): boolean {
  return e instanceof OutcomeUnknown || e instanceof Unavailable || worthRetrying.has(e.problem?.type ?? "");
}

/**
 * Releases a lease. Throws LeaseLost if the node reports that the hold had ended before, unless the caller knew of the
 * loss already. After another error the release continues in the background, unless the credentials were refused.
 */
export async function release(
  cfg: Config, pending: PendingReleases, hold: Hold, o: { delay?: number; budget?: number } = {},
): Promise<void> {
  if (hold.released) return;
  const reported = hold.ended instanceof LeaseLost;
  hold.markReleased();
  const { name, token } = hold.grant;
  const body = { session: hold.session, token, delay_ms: o.delay || undefined };
  let answer: ReleaseAnswer;
  try {
    const options = { attemptErrors: hold.releases, budget: o.budget };
    answer = (await post(cfg, leasePath(name, "release"), body, releasedOf, options)).value;
  } catch (e) {
    if (!(e instanceof LeaseLost)) {
      hold.releases.mayBeApplied = true; // from now on it is repeated in the background
      pending.add(name, hold.session, isInvalid(e) ? { token } : { token, delay_ms: body.delay_ms }, hold.longestTTL, isDenied(e));
      throw e;
    }
    answer = { wasHeld: false, ended: undefined };
  }
  hold.released = true;
  if (!reported) throwIfEnded(hold, answer);
}

/** Throws if the answer to a release means that the hold had ended before. */
function throwIfEnded(hold: Hold, { wasHeld, ended }: ReleaseAnswer): void {
  // Only the session itself ends a hold as released or transferred: a node may have repeated the request.
  if (wasHeld !== false || ended === "released" || ended === "transferred") return;
  const { name, token } = hold.grant;
  if (hold.releases.mayBeApplied && ended === undefined) {
    throw new OutcomeUnknown(`${name} is released; it is unknown whether it was lost before`);
  }
  hold.lateLoss = new LeaseLost(`the hold of ${name} with token ${token} had ended before its release${ended ? `: ${ended}` : ""}`);
  throw hold.lateLoss;
}

/** Renews a lease. A loss ends the hold. After another error the deadline is unchanged. */
export async function renew(cfg: Config, hold: Hold, ttl?: number, meta?: object, o: PostOptions = {}): Promise<void> {
  if (hold.ended !== undefined) throw hold.ended;
  const { name, token } = hold.grant;
  if (ttl !== undefined) cfg.checkTTL(ttl);
  if (ttl !== undefined) hold.shorten(ttl);
  let unknown = false;
  try {
    const body = { session: hold.session, token, ttl_ms: ttl, meta };
    const options = { ttl: ttl ?? hold.grant.ttl_ms, ...o };
    const { value, sent } = await post(cfg, leasePath(name, "renew"), body, grantOf(name, token), options);
    hold.extend(value, sent, ttl);
  } catch (e) {
    unknown = e instanceof OutcomeUnknown;
    if (e instanceof LeaseLost) hold.lose(e);
    throw e;
  } finally {
    if (ttl !== undefined) hold.settle(ttl, unknown);
  }
  if (hold.ended !== undefined) throw hold.ended; // a late answer does not restore the hold
}

/** Transfers a lease to a waiter in one step. From now on it is not held, unless the transfer certainly failed. */
export async function transfer(cfg: Config, pending: PendingReleases, hold: Hold, to: string): Promise<number> {
  if (hold.ended !== undefined) throw hold.ended;
  const { name, token } = hold.grant;
  hold.transferring++;
  try {
    const { value } = await post(cfg, leasePath(name, "transfer"), { session: hold.session, token, to }, transferredOf);
    hold.markReleased();
    return value;
  } catch (e) {
    if (e instanceof OutcomeUnknown) {
      pending.add(name, hold.session, { token }, hold.longestTTL);
      hold.markReleased();
    } else if (e instanceof LeaseLost) {
      hold.lose(e);
    }
    throw e;
  } finally {
    hold.transferring--;
  }
}

/** Returns how long to wait for the next renewal: a third of the TTL after the last one, with jitter. */
export function untilRenewal(hold: Hold): number {
  const { third } = hold;
  return third - Math.random() * (third / 10) - hold.sinceSent();
}

/**
 * Renews the holds that are due or will be due soon, with as few requests as possible. Returns whether no request
 * failed. A hold that an answer does not contain is renewed with its own request, whose answer has the cause of the
 * loss.
 */
export async function renewTogether(cfg: Config, holds: readonly Hold[]): Promise<boolean> {
  const due = holds.filter((h) => h.sinceSent() >= h.third / 2 && !h.busy);
  const bySession = new Map<string, Hold[]>();
  for (const h of due) bySession.set(h.session, [...(bySession.get(h.session) ?? []), h]);
  const all = await Promise.all([...bySession.values()].map((of) => renewSession(cfg, of)));
  return all.every((ok) => ok);
}

async function renewSession(cfg: Config, due: readonly Hold[]): Promise<boolean> {
  let ok = true;
  for (let at = 0; at < due.length; at += maxTogether) {
    const part = due.slice(at, at + maxTogether).filter((h) => h.remaining() > 0);
    let left: readonly Hold[] = part;
    try {
      if (part.length > 1) left = await renewPart(cfg, part);
    } catch (e) {
      if (!(e instanceof LockdError)) throw e;
      if (!(e instanceof LeaseLost || e instanceof NotAllowed)) { // perhaps only one of them is lost or not allowed
        if (isDenied(e)) cfg.tokens.renewed(e);
        ok = false;
        continue;
      }
    }
    for (const h of left) ok = (await renewAlone(cfg, h)) && ok;
  }
  return ok;
}

/** Renews holds with one request. Returns those that the answer does not contain. */
async function renewPart(cfg: Config, part: readonly Hold[]): Promise<Hold[]> {
  const leases = part.map((h) => ({ name: h.grant.name, token: h.grant.token }));
  const { value, sent } = await post(cfg, "/v1/sessions/renew", { session: part[0]!.session, leases }, renewalsOf, {
    ttl: Math.min(...part.map((h) => h.grant.ttl_ms)),
    budget: Math.min(...part.map((h) => h.remaining())),
    background: true,
  });
  cfg.tokens.renewed(undefined);
  const renewed = new Map(value.leases.map((l) => [`${l.token} ${l.name}`, l]));
  return part.filter((h) => {
    const l = renewed.get(`${h.grant.token} ${h.grant.name}`);
    if (l === undefined) return true;
    const { previous: _previous, step_down: _stepDown, ...kept } = h.grant;
    h.extend({ ...kept, ...l, waited_ms: value.waited_ms, revision: value.revision }, sent);
    return false;
  });
}

async function renewAlone(cfg: Config, hold: Hold): Promise<boolean> {
  const left = hold.remaining();
  if (left <= 0) return true; // its deadline has passed: the deadline loop ends it
  try {
    await renew(cfg, hold, undefined, undefined, { budget: left, background: true });
    cfg.tokens.renewed(undefined);
    return true;
  } catch (e) {
    if (!(e instanceof LockdError)) throw e;
    if (isDenied(e)) cfg.tokens.renewed(e);
    return hold.ended !== undefined;
  }
}
