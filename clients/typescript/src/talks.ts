// What is said to a cluster about leases.

import { between, type Instant } from "./clock.js";
import { defaultTTL, type Config } from "./config.js";
import { LeaseLost, LockdError, OutcomeUnknown, Unavailable } from "./errors.js";
import { Hold } from "./hold.js";
import { Heard, jitter, leasePath, maxPause, minPause, send, sleep } from "./rounds.js";
import { grantOf, members, renewalsOf, transferredOf } from "./shape.js";

const maxTogether = 256; // leases that one renewal may name
const leaveTimeout = 1_000;

const worthWaiting = new Set(["held", "delayed", "queue-full", "too-many-leases", "state-full", "rate-limited"]);

/** How a lease is wanted. Durations are milliseconds. */
export interface AcquireOptions {
  /** 1 s to 24 h; by default 15 s. */
  ttl?: number;
  /** How long to stand in the queue; by default not at all. Infinity: until the signal aborts. */
  wait?: number;
  /** How many may hold at once. */
  limit?: number;
  /** How long nobody gets the lease after this hold expired or was broken. */
  delay?: number;
  /** From -100 to 100; it orders the queue and ends nobody's hold. */
  priority?: number;
  /** An object that every reader sees. */
  meta?: object;
  /** Gives a session that holds the lease already a new token, and so fences off an older self. */
  reclaim?: boolean;
  /** Where false nothing renews the lease, and it ends at its deadline. */
  keep?: boolean;
  /** Ends the wait. */
  signal?: AbortSignal;
}

/**
 * Asks until the lease is had or the wait is over; then leaves the queue. While the
 * wait runs, failures that cost nothing are not thrown: the session keeps its place.
 * It gives up when no node has answered for the limit.
 */
export async function acquire(
  cfg: Config, debts: Debts, name: string, o: AcquireOptions, wait: number, limit: number,
): Promise<Hold> {
  const start = cfg.clock();
  const heard = new Heard();
  let pause = minPause;
  let queued = false;
  for (;;) {
    const asked = cfg.clock();
    const left = Math.min(Math.max(wait - between(start, asked), 0), cfg.piece);
    try {
      await debts.settle(cfg, name);
      return await acquireOnce(cfg, name, o, left, heard);
    } catch (e) {
      const gone = o.signal?.aborted || !(e instanceof LockdError);
      // A node keeps the place of a connection that broke for a few seconds.
      if (gone) queued ||= left > 0;
      else queued = keepsPlace(e, queued || (left > 0 && e instanceof OutcomeUnknown));
      const now = cfg.clock();
      const over = between(start, now) >= wait || cfg.reach.silence(start, now) >= limit;
      if (gone || over || !isWorthWaiting(e, o)) {
        if (queued) await leaveQueue(cfg, name);
        throw o.signal?.aborted ? o.signal.reason : e;
      }
    }
    const took = between(asked, cfg.clock());
    if (left > 0 && took >= left) {
      pause = minPause; // the wait ran its course: ask again at once
      continue;
    }
    if (took >= maxPause) pause = minPause; // it was cut while it waited: its place is kept for a few seconds
    try {
      await sleep(jitter(pause), o.signal);
    } catch (e) {
      if (queued) await leaveQueue(cfg, name);
      throw e;
    }
    pause = Math.min(2 * pause, maxPause);
  }
}

async function acquireOnce(cfg: Config, name: string, o: AcquireOptions, wait: number, heard: Heard): Promise<Hold> {
  const ttl = o.ttl ?? defaultTTL;
  const { value: grant, sent } = await send(cfg, {
    method: "POST",
    path: leasePath(name, "acquire"),
    read: grantOf(name),
    prepare: (elapsed) => {
      const left = Math.max(wait - elapsed, 0);
      const body = {
        holder: cfg.holder, session: cfg.session, ttl_ms: Math.ceil(ttl), wait_ms: left > 0 ? Math.ceil(left) : undefined,
        limit: o.limit, delay_ms: o.delay, priority: o.priority, meta: o.meta, reclaim: o.reclaim || undefined,
      };
      return { body, timeout: cfg.attemptTimeout(ttl), wait: left };
    },
    repeatable: !o.reclaim, // a late copy would take the token of the repeat
    heard,
    signal: o.signal,
  });
  return new Hold(cfg, grant, sent, ttl);
}

/** Whether the session has a place in the queue that no open request holds. */
function keepsPlace(e: LockdError, before: boolean): boolean {
  return e.problem?.definitive && !(e instanceof Unavailable) ? e.problem.queued : before;
}

function isWorthWaiting(e: LockdError, o: AcquireOptions): boolean {
  if (e instanceof OutcomeUnknown) return !o.reclaim;
  return e instanceof Unavailable || worthWaiting.has(e.problem?.type ?? "");
}

/** Gives up a place that nobody will ask for again; where that fails it ends by itself in seconds. */
async function leaveQueue(cfg: Config, name: string): Promise<void> {
  await post(cfg, leasePath(name, "release"), { session: cfg.session }, members, { budget: leaveTimeout }).catch(() => {});
}

interface PostOptions {
  ttl?: number;
  budget?: number;
  repeatable?: boolean;
  background?: boolean;
}

function post<T>(
  cfg: Config, path: string, body: object, read: (raw: unknown) => T, o: PostOptions = {},
): Promise<{ value: T; sent: Instant }> {
  const timeout = cfg.attemptTimeout(o.ttl);
  return send(cfg, { method: "POST", path, prepare: () => ({ body, timeout }), read, ...o });
}

/**
 * Holds that were given back without a word of what came of it. A copy of that
 * request may yet arrive: it is repeated until it is certain before the session asks
 * for the lease again, so that the next hold has a token that no late copy reaches.
 */
export class Debts {
  readonly #tokens = new Map<string, number>();

  owe(name: string, token: number): void {
    this.#tokens.set(name, token);
  }

  paid(name: string): void {
    this.#tokens.delete(name);
  }

  async settle(cfg: Config, name: string): Promise<void> {
    const token = this.#tokens.get(name);
    if (token === undefined) return;
    await unlessLost(post(cfg, leasePath(name, "release"), { session: cfg.session, token }, members));
    this.paid(name);
  }
}

async function unlessLost(talk: Promise<unknown>): Promise<void> {
  await talk.catch((e: unknown) => {
    if (!(e instanceof LeaseLost)) throw e;
  });
}

/** Gives a lease back. That it was lost already is no error. */
export async function release(cfg: Config, debts: Debts, hold: Hold, delay: number): Promise<void> {
  const { name, token } = hold.grant;
  hold.giveBack();
  debts.owe(name, token); // until it is certain
  const body = { session: cfg.session, token, delay_ms: delay || undefined };
  await unlessLost(post(cfg, leasePath(name, "release"), body, members));
  debts.paid(name);
}

/** Keeps a lease. A loss ends the hold; after another error the deadline stands as it was. */
export async function renew(cfg: Config, hold: Hold, ttl?: number, meta?: object, o: PostOptions = {}): Promise<void> {
  if (hold.ended !== undefined) throw hold.ended;
  const { name, token } = hold.grant;
  if (ttl !== undefined) cfg.checkTTL(ttl);
  if (ttl !== undefined) hold.shorten(ttl);
  let doubt = false;
  try {
    const body = { session: cfg.session, token, ttl_ms: ttl, meta };
    const options = { ttl: ttl ?? hold.grant.ttl_ms, ...o };
    const { value, sent } = await post(cfg, leasePath(name, "renew"), body, grantOf(name, token), options);
    hold.extend(value, sent, ttl);
  } catch (e) {
    doubt = e instanceof OutcomeUnknown;
    if (e instanceof LeaseLost) hold.lose(e);
    throw e;
  } finally {
    if (ttl !== undefined) hold.settle(ttl, doubt);
  }
  if (hold.ended !== undefined) throw hold.ended; // an answer that came too late revives nothing
}

/** Hands a lease to a waiter in one step. From now on nothing is held, unless nothing changed. */
export async function transfer(cfg: Config, debts: Debts, hold: Hold, to: string): Promise<number> {
  if (hold.ended !== undefined) throw hold.ended;
  const { name, token } = hold.grant;
  hold.handing++;
  try {
    const { value } = await post(cfg, leasePath(name, "transfer"), { session: cfg.session, token, to }, transferredOf);
    hold.giveBack();
    return value;
  } catch (e) {
    if (e instanceof OutcomeUnknown) {
      debts.owe(name, token);
      hold.giveBack();
    } else if (e instanceof LeaseLost) {
      hold.lose(e);
    }
    throw e;
  } finally {
    hold.handing--;
  }
}

/** How long to wait for the next renewal: a third of the TTL, jittered, after the last. */
export function untilRenewal(hold: Hold): number {
  const { third } = hold;
  return third - Math.random() * (third / 10) - hold.sinceSent();
}

/**
 * Renews those that are due or will be soon, in as few calls as may be, and returns
 * whether no attempt failed. What an answer leaves out is asked for alone, to be
 * told how it was lost.
 */
export async function renewTogether(cfg: Config, holds: readonly Hold[]): Promise<boolean> {
  const due = holds.filter((h) => h.sinceSent() >= h.third / 2 && !h.busy);
  let ok = true;
  for (let at = 0; at < due.length; at += maxTogether) {
    const part = due.slice(at, at + maxTogether).filter((h) => h.remaining() > 0);
    let left = part;
    try {
      if (part.length > 1) left = await renewPart(cfg, part);
    } catch (e) {
      if (!(e instanceof LockdError)) throw e;
      if (!(e instanceof LeaseLost)) {
        ok = false;
        continue;
      }
    }
    for (const h of left) ok = (await renewAlone(cfg, h)) && ok;
  }
  return ok;
}

/** Returns those of which the answer says nothing. */
async function renewPart(cfg: Config, part: readonly Hold[]): Promise<Hold[]> {
  const leases = part.map((h) => ({ name: h.grant.name, token: h.grant.token }));
  const { value, sent } = await post(cfg, "/v1/sessions/renew", { session: cfg.session, leases }, renewalsOf, {
    ttl: Math.min(...part.map((h) => h.grant.ttl_ms)),
    budget: Math.min(...part.map((h) => h.remaining())),
    background: true,
  });
  const told = new Map(value.leases.map((l) => [`${l.token} ${l.name}`, l]));
  return part.filter((h) => {
    const l = told.get(`${h.grant.token} ${h.grant.name}`);
    if (l === undefined) return true;
    const { previous: _previous, step_down: _stepDown, ...kept } = h.grant;
    h.extend({ ...kept, ...l, waited_ms: value.waited_ms, revision: value.revision }, sent);
    return false;
  });
}

async function renewAlone(cfg: Config, hold: Hold): Promise<boolean> {
  const left = hold.remaining();
  if (left <= 0) return true; // whoever watches the deadline ends it
  try {
    await renew(cfg, hold, undefined, undefined, { budget: left, background: true });
    return true;
  } catch (e) {
    if (!(e instanceof LockdError)) throw e;
    return hold.ended !== undefined;
  }
}
