// The errors of this package, by what a holder has to do about them.

import type { State } from "./model.js";
import { members, stateOf, statesOf } from "./validate.js";
import { parse } from "./json.js";

/** A problem that a node answered with (RFC 9457). */
export interface Problem {
  type: string; // the short name, such as "held"; "" if the answer was not a problem
  status: number;
  title: string;
  detail: string;
  definitive: boolean; // nothing was applied
  lost: boolean; // the caller certainly holds nothing: stop
  lease?: State;
  leases: State[]; // of acquireAll: the leases that prevented it
  queued: boolean; // the session keeps its place in the queue
  position: number; // 1 is next
  ticketExpiresIn: number;
  retryAfter: number; // in milliseconds, at most 30 s
  oldest: number; // with "gone": the oldest revision after which a watch can resume
  errors: { field: string; reason: string }[]; // with "invalid"
}

/** Any failure of this package. `problem` is the node's answer, if there was one. */
export class LockdError extends Error {
  readonly problem: Problem | undefined;

  constructor(message: string, options: { problem?: Problem | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.problem = options.problem;
  }
}

/** A node answered, and nothing was applied. */
export class Refused extends LockdError {}
/** An acquire was refused: you do not hold it. */
export class NotAcquired extends Refused {}
/** An acquire was refused because others hold the lease or wait for it. */
export class Held extends NotAcquired {}
/** The token or the client certificate is missing, wrong, expired or revoked (401). No hold is lost because of it. */
export class Unauthenticated extends Refused {}
/** The caller may not do this (403). No hold is lost because of it. */
export class NotAllowed extends Refused {}
/** A browser sent the request from a page of another origin (403). */
export class CrossOrigin extends Refused {}
/** A quota of the lease's scope is used up (429). */
export class QuotaExceeded extends Refused {}
/** The caller would wait for itself: it is work under the lease that it requests. Nothing was sent. */
export class Reentrant extends LockdError {}
/** The hold has certainly ended, or its local deadline has passed: stop the work. */
export class LeaseLost extends LockdError {}
/** The holder released or transferred the lease. */
export class Released extends LockdError {}
/** No node accepted the request: nothing was applied, and nothing is lost by it. */
export class Unavailable extends LockdError {}
/** The request may have taken effect: keep working until the deadline, and repeat it. */
export class OutcomeUnknown extends LockdError {}
/** A watch cannot resume: the revision to resume after is no longer in the history. */
export class Gone extends LockdError {}

/** Reports whether the credentials were refused. A repeat with the same ones would be refused too. */
export const isDenied = (e: unknown): boolean => e instanceof Unauthenticated || e instanceof NotAllowed;

const maxRetryAfter = 30_000; // the longest that a node can make a client wait

const notAcquired = new Set(["held", "delayed", "limit-mismatch", "session-in-use"]);

const textOr = (raw: unknown): string => (typeof raw === "string" ? raw : "");
const countOr = (raw: unknown): number => (Number.isSafeInteger(raw) && (raw as number) >= 0 ? (raw as number) : 0);

/** Reads an answer that is not a 2xx. It need not be a problem: members with another form count as absent. */
export function problemOf(status: number, retryAfter: string | null, body: string): Problem {
  let raw: Record<string, unknown>;
  try {
    raw = members(parse(body));
  } catch {
    raw = { detail: body.trim().split("\n", 1)[0]!.slice(0, 200) };
  }
  const problem: Problem = {
    type: textOr(raw["type"]).replace(/^.*\//, ""),
    status,
    title: textOr(raw["title"]),
    detail: textOr(raw["detail"]),
    definitive: typeof raw["definitive"] === "boolean" ? raw["definitive"] : status < 500,
    lost: raw["lost"] === true,
    queued: raw["queued"] === true,
    position: countOr(raw["position"]),
    ticketExpiresIn: countOr(raw["ticket_expires_in_ms"]),
    retryAfter: Math.min(pauseOf(raw["retry_after_ms"], retryAfter), maxRetryAfter),
    oldest: countOr(raw["oldest"]),
    leases: orNone(() => statesOf(raw, "leases")) ?? [],
    errors: Array.isArray(raw["errors"]) ? raw["errors"].map(invalidOf).filter((e) => e.field || e.reason) : [],
  };
  const lease = orNone(() => stateOf(raw["lease"]));
  if (lease !== undefined) problem.lease = lease;
  return problem;
}

/** Returns the pause that a node asks for, in milliseconds. The member is more exact than the header. */
function pauseOf(ms: unknown, header: string | null): number {
  if (typeof ms === "number" && ms >= 0) return ms;
  return /^\d+$/.test(header ?? "") ? Number(header) * 1000 : 0;
}

/** Reads one of the errors of an "invalid". */
function invalidOf(raw: unknown): { field: string; reason: string } {
  const of = orNone(() => members(raw)) ?? {};
  return { field: textOr(of["field"]), reason: textOr(of["reason"]) };
}

/** Returns what read returns; undefined if the JSON does not have that form. */
function orNone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function text(p: Problem): string {
  const invalid = p.errors.map((e) => `${e.field} ${e.reason}`).join("; ");
  const message = invalid || p.detail || p.title || `status ${p.status}`;
  return p.type ? `${message} (${p.type})` : message;
}

/** Returns the error for a problem. */
export function errorOf(p: Problem): LockdError {
  const kind =
    p.type === "gone" ? Gone
    : !p.definitive ? OutcomeUnknown
    : p.lost ? LeaseLost
    : p.status === 503 ? Unavailable
    : p.type === "held" ? Held
    : notAcquired.has(p.type) ? NotAcquired
    : p.type === "unauthenticated" || (p.type === "" && p.status === 401) ? Unauthenticated
    : p.type === "not-allowed" || (p.type === "" && p.status === 403) ? NotAllowed
    : p.type === "cross-origin" ? CrossOrigin
    : p.type === "quota" ? QuotaExceeded
    : Refused;
  return new kind(text(p), { problem: p });
}
