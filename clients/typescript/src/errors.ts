// What can go wrong, by what a holder has to do about it.

import type { State } from "./model.js";
import { stateOf } from "./validate.js";
import { parse } from "./json.js";

/** A node's refusal, after RFC 9457. */
export interface Problem {
  type: string; // the short name, such as "held"; "" where the answer was no problem
  status: number;
  title: string;
  detail: string;
  definitive: boolean; // nothing was applied
  lost: boolean; // the caller certainly holds nothing: stop
  lease?: State;
  queued: boolean; // the session keeps its place in the queue
  position: number; // 1 is next
  ticketExpiresIn: number;
  retryAfter: number; // in milliseconds, at most 30 s
  oldest: number; // with "gone": from which revision a watch can resume
  errors: { field: string; reason: string }[]; // with "invalid"
}

/** Any failure of this package; `problem` is the node's answer, where it was one. */
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
/** The caller would wait for itself, in work under the lease that it asks for. Nothing was sent. */
export class Reentrant extends LockdError {}
/** The hold has certainly ended, or its local deadline has passed: stop the work. */
export class LeaseLost extends LockdError {}
/** The lease was given back or handed over by its holder. */
export class Released extends LockdError {}
/** No node took the request: nothing was applied, and nothing is lost by it. */
export class Unavailable extends LockdError {}
/** The request may have taken effect: keep working until the deadline, and repeat it. */
export class OutcomeUnknown extends LockdError {}
/** A watch cannot go on: its point of resumption is no longer in the history. */
export class Gone extends LockdError {}

const maxRetryAfter = 30_000; // the longest that a node can make a client wait

const notAcquired = new Set(["held", "delayed", "limit-mismatch", "session-in-use"]);

const textOr = (raw: unknown): string => (typeof raw === "string" ? raw : "");
const countOr = (raw: unknown): number => (Number.isSafeInteger(raw) ? (raw as number) : 0);

/** Reads a node's answer that is no 2xx; one that is no problem, too: what is of another form is not there. */
export function problemOf(status: number, retryAfter: string | null, body: string): Problem {
  let raw: Record<string, unknown>;
  try {
    raw = parse(body) as Record<string, unknown>;
    if (typeof raw !== "object" || raw === null) throw new Error("no object");
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
    errors: Array.isArray(raw["errors"]) ? raw["errors"].filter((e) => typeof e === "object" && e !== null) : [],
  };
  const lease = leaseOf(raw["lease"]);
  if (lease !== undefined) problem.lease = lease;
  return problem;
}

/** The member is more exact than the header. */
function pauseOf(ms: unknown, header: string | null): number {
  if (typeof ms === "number" && ms >= 0) return ms;
  return /^\d+$/.test(header ?? "") ? Number(header) * 1000 : 0;
}

function leaseOf(raw: unknown): State | undefined {
  try {
    return stateOf(raw);
  } catch {
    return undefined;
  }
}

function text(p: Problem): string {
  const wrong = p.errors.map((e) => `${e.field} ${e.reason}`).join("; ");
  const said = wrong || p.detail || p.title || `status ${p.status}`;
  return p.type ? `${said} (${p.type})` : said;
}

/** The error that a problem is. */
export function errorOf(p: Problem): LockdError {
  const kind =
    p.type === "gone" ? Gone
    : !p.definitive ? OutcomeUnknown
    : p.lost ? LeaseLost
    : p.status === 503 ? Unavailable
    : p.type === "held" ? Held
    : notAcquired.has(p.type) ? NotAcquired
    : Refused;
  return new kind(text(p), { problem: p });
}
